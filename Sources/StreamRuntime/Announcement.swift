import EventStream
import ProducerInterface
import StreamLoop

extension Runtime {
    /// Sends one frame of the host's own to every subscriber of a plugin, in all of its generations, between two
    /// events. The frame is not counted as the producer's, gets no id, and is not kept in a history.
    /// - Parameters:
    ///   - plugin: its name.
    ///   - frame: a complete frame.
    package func announce(_ frame: [UInt8], to plugin: String) {
        for streams in loops { streams.loop.post { Announcement(frame: frame, plugin: plugin).tell(streams) } }
    }
}

/// One frame of the host's own, on its way to the subscribers of a plugin.
struct Announcement {
    let frame: [UInt8]
    let plugin: String

    /// If more than this would wait for a subscriber, it is not sent frames of the host's own. Bytes.
    static let room = 256 * 1024

    fileprivate func tell(_ streams: LoopStreams) {
        for slot in 1..<max(1, streams.table.end) {
            let row = streams.table[slot]
            guard row.pointee.entry?.description.plugin == plugin, row.pointee.isOpen,
                row.pointee.connection.link == .connected
            else { continue }
            guard (row.pointee.outbox?.bytes.count ?? 0) + frame.count <= Self.room else {
                streams.log.notAnnounced(streams.token(slot), row.pointee.entry!)
                continue
            }
            switch row.pointee.role {
            case .exclusive: tell(Connection(streams, slot))
            case .hubSubscriber: tell(HubSubscriber(streams, slot))
            case .hubStream, .clock: break
            }
        }
    }

    private func tell(_ connection: Connection) {
        if send(to: connection) { connection.reschedule() }
    }

    /// What waits for the subscriber is the rest of a frame. The history continues after that, so this frame comes
    /// between two of the history's frames.
    private func tell(_ subscriber: HubSubscriber) {
        // Without a place in the history, it does not have its first event yet.
        guard subscriber.connection.memberIndex >= 0,
            let replica = subscriber.streams.replicas[ObjectIdentifier(subscriber.hub)]
        else { return }
        let wasFree = !subscriber.row.pointee.hasPending
        guard send(to: Connection(subscriber)), wasFree, subscriber.row.pointee.hasPending else { return }
        let isSinkBusy = subscriber.connection.isSinkBusy
        subscriber.block(replica)
        // A sink reports by itself when it takes more.
        if isSinkBusy { subscriber.connection.isBlocked = false }
    }

    /// - Returns: `false` if the connection turned out to be gone.
    private func send(to connection: Connection) -> Bool {
        connection.output.removeAll()
        frame.withUnsafeBytes { connection.output.append(frame: $0) }
        return connection.transmit()
    }
}
