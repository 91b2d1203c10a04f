import EventStream
import StreamLoop

extension Runtime {
    /// Sends one frame of the host's own to everybody who listens to a plugin, of whatever generation, between two of the events. It counts as
    /// none of the producer's, gets no id, and is not kept in a history.
    /// - Parameters:
    ///   - plugin: its name.
    ///   - frame: complete.
    package func announce(_ frame: [UInt8], to plugin: String) {
        for streams in loops { streams.loop.post { streams.announce(frame, to: plugin) } }
    }
}

extension LoopStreams {
    /// A subscriber for whom so much waits already is not sent the host's own frames on top of it. Bytes.
    static let announcementRoom = 256 * 1024

    fileprivate func announce(_ frame: [UInt8], to plugin: String) {
        for slot in 1..<max(1, table.end) {
            let record = table[slot]
            guard record.pointee.entry?.description.plugin == plugin, record.pointee.source == .open,
                record.pointee.link == .connected
            else { continue }
            guard (record.pointee.outbox?.bytes.count ?? 0) + frame.count <= Self.announcementRoom else {
                log.notAnnounced(token(slot), record.pointee.entry!)
                continue
            }
            switch record.pointee.role {
            case .stream: announceToStream(slot, frame)
            case .member: announceToMember(slot, frame)
            case .source, .clock: break
            }
        }
    }

    private func announceToStream(_ slot: UInt32, _ frame: [UInt8]) {
        output.removeAll()
        frame.withUnsafeBytes { output.append(frame: $0) }
        if transmit(slot) { reschedule(slot) }
    }

    /// What waits for a member is the rest of a frame; behind that the history goes on, so that this frame comes between two of its own.
    private func announceToMember(_ slot: UInt32, _ frame: [UInt8]) {
        let record = table[slot]
        // Without a place in the history it has not got its first event yet.
        guard record.pointee.memberIndex >= 0, let replica = replicas[ObjectIdentifier(record.pointee.hub)] else {
            return
        }
        let wasFree = !record.pointee.hasPending
        output.removeAll()
        frame.withUnsafeBytes { output.append(frame: $0) }
        guard transmit(slot), wasFree, record.pointee.hasPending else { return }
        let isSinkBusy = record.pointee.isSinkBusy
        block(slot, replica)
        // A sink says by itself when it takes more.
        if isSinkBusy { record.pointee.isBlocked = false }
    }
}
