import EventStream
import ProducerInterface
import StreamLoop

extension Runtime {
    /// Sends one frame of the host's own to everybody who listens to a plugin, of whatever generation, between two of the events. It counts as
    /// none of the producer's, gets no id, and is not kept in a history.
    /// - Parameters:
    ///   - plugin: its name.
    ///   - frame: complete.
    package func announce(_ frame: [UInt8], to plugin: String) {
        for streams in loops { streams.loop.post { Announcement(frame: frame, plugin: plugin).tell(streams) } }
    }
}

/// One frame of the host's own, on its way to the subscribers of a plugin.
struct Announcement {
    let frame: [UInt8]
    let plugin: String

    /// A subscriber for whom so much waits already is not sent the host's own frames on top of it. Bytes.
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

    /// What waits for it is the rest of a frame; behind that the history goes on, so that this frame comes between two of its own.
    private func tell(_ subscriber: HubSubscriber) {
        // Without a place in the history it has not got its first event yet.
        guard subscriber.connection.memberIndex >= 0,
            let replica = subscriber.streams.replicas[ObjectIdentifier(subscriber.hub)]
        else { return }
        let wasFree = !subscriber.row.pointee.hasPending
        guard send(to: Connection(subscriber)), wasFree, subscriber.row.pointee.hasPending else { return }
        let isSinkBusy = subscriber.connection.isSinkBusy
        subscriber.block(replica)
        // A sink says by itself when it takes more.
        if isSinkBusy { subscriber.connection.isBlocked = false }
    }

    /// - Returns: `false` if the connection turned out to be gone.
    private func send(to connection: Connection) -> Bool {
        connection.output.removeAll()
        frame.withUnsafeBytes { connection.output.append(frame: $0) }
        return connection.transmit()
    }
}
