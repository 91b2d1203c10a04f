import EventStream
import ProducerInterface
import StreamLoop

/// A stream that a newer generation continues in the same response: the old stream's part. `Succession` decides what is
/// done next.
struct Migration: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    private var isShared: Bool { row.pointee.role == .hubStream }

    /// The stream has reached a point at which another can continue it, and there is one.
    var isPossible: Bool {
        guard stream.phase == .open, row.pointee.succession == nil, !stream.isKept, row.pointee.entry?.successor != nil
        else { return false }
        switch row.pointee.role {
        case .exclusive: return connection.link == .connected && row.pointee.resumption != nil
        case .hubStream: return row.pointee.hub.life.phase == .open
        case .hubSubscriber, .clock: return false
        }
    }

    /// The `open` of its successor is about to be called on this loop.
    var isAboutToBeContinued: Bool {
        guard let new = row.pointee.succession?.new.flatMap(streams.slot) else { return false }
        let stream = table[new].pointee.stream
        return stream.phase == .opening && !stream.isPending && !stream.isThreaded
    }

    // MARK: It comes to rest

    /// - Returns: `false` if this thread has lost the loop.
    func begin() -> Bool {
        let succession = Succession(of: token, by: entry.successor!)
        row.pointee.succession = succession
        switch succession.begins(facts) {
        case .here: return rest(succession, saved: nil)
        case .onThread:
            succession.awaitsRest(row.pointee.handoff!.wantRest())
            return true
        }
    }

    private var facts: Succession.Old {
        Succession.Old(
            isThreaded: stream.isThreaded, savesState: entry.description.savesState,
            isPlaced: givesItsOwnIDs || isAtBeginning)
    }

    private var givesItsOwnIDs: Bool {
        isShared
            ? row.pointee.hub.master.history.newestProducerID != nil : row.pointee.resumption?.hasGivenID ?? false
    }

    private var isAtBeginning: Bool {
        isShared ? row.pointee.hub.master.history.end == 0 : row.pointee.resumption?.isAtBeginning ?? false
    }

    /// The stream's thread rests.
    func threadRests(_ number: Int, _ saved: [UInt8]?) {
        guard let succession = row.pointee.succession, succession.isAwaited(number), !stream.isResting else { return }
        _ = rest(succession, saved: saved)
    }

    /// - Returns: `false` if this thread has lost the loop, which cannot happen to a stream on a thread, as its
    ///   producer is called there.
    private func rest(_ succession: Succession, saved: [UInt8]?) -> Bool {
        // An emit may have made the queue just now.
        row.pointee.handoff = table.withGate(slot) { gate in
            gate.isResting = true
            return gate.handoff
        }
        output.removeAll()
        let hasEnded = row.pointee.handoff?.hold(into: &output) != nil
        stream.isResting = true
        // Sent or kept before anything else can be.
        if isShared {
            HubStream(self).publish()
        } else {
            StreamQueue(self).count()
            guard Connection(self).transmit() else { return true }
        }
        // Sending may have ended the connection, and this succession with it.
        guard row.pointee.succession === succession else { return true }
        var saved = saved
        switch succession.rested(facts, hasEnded: hasEnded) {
        case .ended:
            cancel(.completed)
            streams.pump(slot)
            return true
        case .restOnThread:
            goOn()
            succession.awaitsRest(row.pointee.handoff!.wantRest())
            streams.pump(slot)
            return true
        case .save: guard streams.calls.save(self, &saved) else { return false }
        case .open: break
        }
        openSuccessor(succession, saved: saved)
        return true
    }

    private func openSuccessor(_ succession: Succession, saved: [UInt8]?) {
        let target = succession.target
        var request =
            isShared
            ? HubHome(streams, row.pointee.hub).successorRequest : row.pointee.resumption!.current
        guard let parameters = target.producer.adopt(request.parameters) else {
            let text = "its parameters do not match the new signature (\(target.description.parameters))"
            return keep(insteadOf: target, text, isFailure: false)
        }
        guard let new = StreamOpening.continuation(of: self, by: target, peer: request.remoteAddress) else {
            let text = "the new generation has ended, or a limit on streams is reached"
            return keep(insteadOf: target, text, isFailure: false)
        }
        request.parameters = parameters
        request.saved = saved
        let token = new.token
        succession.opens(token, saved: saved, deadline: loop.now.addingSaturating(limits.migrationDeadline))
        new.row.pointee.succession = succession
        streams.chores.successorsOpening += 1
        new.callContinuation(request)
        // It has not answered yet.
        if streams.slot(token) != nil, new.row.pointee.succession === succession { new.reschedule() }
    }

    // MARK: The successor takes over

    /// Handles what was emitted by a callback while the stream rested, after its place was known. After an id, or after
    /// what was saved, the successor produces such events again: if they were sent here, they would arrive twice. A
    /// stream that has neither has no place: what it accepted is left in the output, to be sent before anything from
    /// its successor.
    func takeHeld() {
        output.removeAll()
        guard let handoff = row.pointee.handoff else { return }
        StreamQueue(self).stopEmitting()
        let byThread = handoff.threadFramesHeld
        guard entry.description.savesState || givesItsOwnIDs || output.newestID != nil || byThread > 0 else { return }
        let left = output.frameCount - byThread
        output.removeAll()
        guard left > 0 else { return }
        let count = entry.countSuperseded(left)
        // Logs the first time, and each time the count has doubled.
        if count.leadingZeroBitCount != (count - left).leadingZeroBitCount {
            log.superseded(token, entry, count: count)
        }
    }

    // MARK: The stream stays

    /// The stream ends, or continues by itself: the successor is not needed.
    func cancel(_ reason: CloseReason) {
        guard let succession = row.pointee.succession, succession.old == token else { return }
        endRest()
        guard let new = succession.new.flatMap(streams.slot), table[new].pointee.succession === succession else {
            return
        }
        streams.chores.successorsOpening -= 1
        let opening = StreamOpening(streams, new)
        if opening.stream.life.hurry(Succession.reason(forNewWhenOldEnds: reason)) { opening.cancel() }
    }

    /// The stream rests no longer.
    func endRest() {
        row.pointee.succession = nil
        goOn()
    }

    func goOn() {
        stream.isResting = false
        row.pointee.handoff?.endRest()
        let isRoomWanted = table.withGate(slot) { gate in
            defer { gate.isRoomWanted = false }
            gate.isResting = false
            return gate.isRoomWanted
        }
        if isRoomWanted, entry.description.hasNext { stream.nextDue = 0 }
    }

    /// The new generation does not accept the stream: it stays where it is.
    /// - Parameter isFailure: it counts against that generation.
    func keep(insteadOf target: ProducerEntry, _ text: String, isFailure: Bool) {
        let (streams, token) = (streams, token)
        endRest()
        stream.isKept = true
        if isFailure { target.generation.trial?.failed() }
        let count = entry.countKept()
        // Logs the first time, and each time the count has doubled.
        if count & (count - 1) == 0 { log.kept(token, entry, text, count: count) }
        // Meanwhile there may be another generation to ask.
        if target !== entry.successor { stream.isKept = false }
        streams.pump(slot)
        streams.considerMigrating(token)
    }
}
