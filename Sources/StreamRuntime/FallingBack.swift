import EventStream
import ProducerInterface
import StreamLoop

/// A generation on trial takes nobody down with it: a stream that fails there before its first event falls back, which is to say that it is
/// opened anew in the generation before, in the same response, with all that the failed one was told.
///
/// The failed one is closed as any other, at once. Its connection goes to the new one, which has it while its `open` is awaited; if that does
/// not succeed, the subscriber is told of the failure after all. If it does, and what follows is no failure either, the first one counts
/// against its generation.
struct FallingBack: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// Of a stream that has ended by itself, all that it has produced counted.
    /// - Returns: `true` if it goes on elsewhere: the failed one is closed, and its row may be another's.
    func fallBack(_ end: StreamEnd) -> Bool {
        guard let failure = end.failure, stream.events == 0, connection.link == .connected, streams.endOfAll == nil,
            let (new, request) = addStandIn()
        else { return false }
        new.row.pointee.standIn = StandIn(
            for: failure, deadline: loop.now.addingSaturating(limits.migrationDeadline))
        Connection(self).move(to: new)
        StreamEnding(self).closeEnded(end)
        let token = new.token
        new.callContinuation(request)
        if streams.slot(token) != nil { new.reschedule() }
        return true
    }

    /// Takes a row in the generation before for a stream that has failed on trial.
    /// - Returns: `nil` if that has no such producer, or its request was not kept.
    private func addStandIn() -> (StreamOpening, StreamRequest)? {
        guard let resumption = row.pointee.resumption, let target = entry.fallback else { return nil }
        var request = resumption.current
        guard let parameters = target.producer.adopt(request.parameters),
            let new = StreamOpening.continuation(by: target, peer: request.remoteAddress, in: streams)
        else { return nil }
        request.parameters = parameters
        request.saved = resumption.saved
        Self.note(token, entry, to: target, in: log)
        row.pointee.resumption = nil
        new.row.pointee.resumption = resumption
        new.row.pointee.doubted = entry.generation.trial
        // In the generation that it has just left again, nothing is to be had.
        new.stream.isKept = true
        return (new, request)
    }

    /// The open of a stream on trial has failed: it is tried in the generation before, and its answer is the one that the subscriber gets.
    /// - Returns: `false` if there is nothing to try; otherwise the row may be another's.
    func openElsewhere(_ door: (any OpenAnswering)?) -> Bool {
        guard row.pointee.role == .exclusive, connection.link == .waiting, stream.reason == nil,
            let door, let opening = row.pointee.opening, let (new, request) = addStandIn()
        else { return false }
        opening.door = door
        opening.knownAs = opening.knownAs ?? token
        streams.moved.moveDoor(opening.knownAs!, to: new.token)
        row.pointee.opening = nil
        new.connection.link = .waiting
        new.row.pointee.opening = opening
        StreamOpening(self).neverOpened()
        new.callContinuation(request)
        return true
    }

    static func note(_ token: StreamToken?, _ entry: ProducerEntry, to target: ProducerEntry, in log: StreamLog) {
        let count = target.countKept()
        if count & (count - 1) == 0 { log.fellBack(token, entry, to: target, count: count) }
    }

    // MARK: What opens in its place

    /// Its open has answered.
    /// - Parameter outcome: `nil`: it was not even called.
    func answered(_ outcome: OpenOutcome?) {
        let failure = row.pointee.standIn!.failure
        row.pointee.standIn = nil
        guard case .opened? = outcome else {
            let isConnected = connection.link == .connected
            if isConnected { connection.link = .ending }
            stream.life.neverOpened()
            row.pointee.opening = nil
            StreamEnding(self).isOver()
            if isConnected { tell(failure) }
            return
        }
        StreamOpening(self).begin()
        row.pointee.opening = nil
        // Without `next` there is nothing more to fail in.
        if !entry.description.hasNext { StreamEnding(self).noteWaiting() }
        // Meanwhile its subscriber may have left, or the server been told to stop.
        if let reason = stream.reason { return ExclusiveStream(self).end(reason) }
        row.pointee.handoff?.attach()
        // It may end, and its row be another's, with what it sends first.
        let (streams, token) = (streams, token)
        ExclusiveStream(self).pump()
        streams.considerMigrating(token)
    }

    /// Its open takes too long: the subscriber is told of the failure, and the stream is closed if it ever opens.
    func giveUp(_ standIn: StandIn) {
        standIn.isGivenUp()
        let (streams, token) = (streams, token)
        defer { if streams.slot(token) != nil { reschedule() } }
        _ = stream.life.hurry(.disconnected)
        StreamOpening(self).cancel()
        guard connection.link == .connected else { return }
        connection.link = .ending
        tell(standIn.failure)
    }

    private func tell(_ failure: StreamFailure) {
        output.removeAll()
        Connection(self).appendFailure(failure.message)
        if Connection(self).transmit() { Connection(self).settle() }
    }
}
