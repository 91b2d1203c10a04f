import ProducerInterface
import StreamLoop

/// A stream that continues one of an older generation in the same response: the new stream's part, once its `open` has
/// answered.
struct Successor: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// - Parameter outcome: `nil`: its `open` was not even called.
    func answered(_ outcome: OpenOutcome?) {
        let succession = row.pointee.succession!
        row.pointee.succession = nil
        let old = old(of: succession)
        if old != nil { streams.chores.successorsOpening -= 1 }
        var isOpened = false
        if case .opened? = outcome { isOpened = true }
        if isOpened {
            StreamOpening(self).begin()
            row.pointee.opening = nil
            // An emit may have made the old stream's queue while that rested.
            if let old { _ = StreamQueue(old).find() }
        }
        let next = succession.answered(
            isOpened: isOpened, isOldThere: old != nil,
            isOldWanted: old.map { $0.entry.successor != nil && $0.row.pointee.handoff?.hasOverflowed != true }
                ?? false,
            isTold: stream.reason != nil)
        switch next {
        case .forget: StreamOpening(self).neverOpened()
        case .keepOld:
            StreamOpening(self).neverOpened()
            old?.keep(insteadOf: succession.target, outcome.refusal, isFailure: outcome.isFailure)
        case .close:
            if let old {
                old.endRest()
                streams.pump(old.slot)
                streams.considerMigrating(succession.old)
            }
            StreamEnding(self).end(stream.reason ?? .reloaded)
        case .handOver: if let old { takeOver(from: old, succession) }
        }
    }

    private func old(of succession: Succession) -> Migration? {
        streams.slot(succession.old).flatMap {
            table[$0].pointee.succession === succession ? Migration(streams, $0) : nil
        }
    }

    /// If a still newer generation should get the stream, this one gets it first all the same: it may already have
    /// emitted something.
    private func takeOver(from old: Migration, _ succession: Succession) {
        // The old stream's queue stays shut until that is closed: what was accepted from here on would be lost.
        old.row.pointee.succession = nil
        old.stream.isResting = false
        let (streams, token) = (streams, token)
        old.takeHeld()
        let saved = entry.fallback == nil ? nil : succession.saved
        if old.row.pointee.role == .hubStream { takeHub(from: old, saved) } else { takeSubscriber(from: old, saved) }
        streams.considerMigrating(token)
    }

    /// Moves the subscriber, with everything that waits to be sent to it, including the output.
    private func takeSubscriber(from old: Migration, _ saved: [UInt8]?) {
        StreamQueue(old).count()
        let resumption = old.row.pointee.resumption
        resumption?.saved = saved
        row.pointee.resumption = resumption
        old.row.pointee.resumption = nil
        Connection(old).move(to: self)
        if connection.link == .connected { _ = Connection(self).transmit() }
        StreamEnding(old).end(.reloaded)
        guard connection.link == .connected else { return }
        row.pointee.handoff?.attach()
        ExclusiveStream(self).pump()
    }

    /// Makes this the hub's stream; its history, its ids and its subscribers stay. The output goes before everything
    /// that this stream produces.
    private func takeHub(from old: Migration, _ saved: [UInt8]?) {
        HubStream(old).publish()
        let (hub, entry) = (old.row.pointee.hub, entry)
        var admission = Admission(heldBy: row, in: streams)
        // The hub's subscribers hold the places.
        admission.freeProducersPlace()
        row.pointee.role = .hubStream
        row.pointee.shared = hub
        admission.settle()
        hub.stream = token
        hub.saved = saved
        StreamEnding(old).end(.reloaded)
        HubHome(streams, hub).moveOver(to: entry, entry.producer.adopt(hub.parameters))
        row.pointee.handoff?.attach()
        HubStream(self).pump()
    }

    /// Its `open` takes too long: the old stream continues, and this one is closed if it ever opens.
    func giveUp(_ succession: Succession) {
        succession.isGivenUp()
        let (streams, token) = (streams, token)
        // Whatever happens to the old stream: this one may have been told to end before, and then nothing else sets its
        // timer.
        defer { if streams.slot(token) != nil { reschedule() } }
        guard let old = old(of: succession) else { return }
        old.cancel(.reloaded)
        old.keep(
            insteadOf: succession.target, "no answer within \(limits.migrationDeadline / 1_000_000) ms", isFailure: true
        )
    }
}
