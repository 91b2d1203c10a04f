import EventStream
import ProducerInterface
import StreamLoop

/// What protects subscribers from a generation on trial: a stream that fails there before its first event falls back.
/// It is reopened in the previous generation, in the same response, with everything that the failed one was given.
///
/// The failed stream is closed at once, like any other. Its connection moves to the new one, which keeps it while it
/// waits for its `open`. If that does not succeed, the subscriber is told of the failure after all. If it succeeds, and
/// no failure follows, the first failure counts against its generation.
struct FallingBack: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// For a stream that has ended by itself, after everything that it produced has been counted.
    /// - Returns: `true` if it continues in another stream: the failed one is closed, and its row may belong to
    ///   another.
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

    /// Takes a row in the previous generation for a stream that has failed on trial.
    /// - Returns: `nil` if that generation has no such producer, or the request was not kept.
    private func addStandIn() -> (StreamOpening, StreamRequest)? {
        guard let resumption = row.pointee.resumption, let target = entry.fallback else { return nil }
        var request = resumption.current
        guard let parameters = target.producer.adopt(request.parameters),
            let new = StreamOpening.continuation(of: self, by: target, peer: request.remoteAddress)
        else { return nil }
        request.parameters = parameters
        request.saved = resumption.saved
        Self.note(token, entry, to: target, in: log)
        row.pointee.resumption = nil
        new.row.pointee.resumption = resumption
        new.row.pointee.doubted = entry.generation.trial
        // It must not move to the generation that it has just left.
        new.stream.isKept = true
        return (new, request)
    }

    /// The `open` of a stream on trial has failed: the stream is opened in the previous generation, whose answer is the
    /// one that the subscriber gets.
    /// - Returns: `false` if it cannot be opened there; otherwise the row may belong to another stream.
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
        new.row.pointee.expires = row.pointee.expires
        StreamOpening(self).neverOpened()
        new.callContinuation(request)
        return true
    }

    static func note(_ token: StreamToken?, _ entry: ProducerEntry, to target: ProducerEntry, in log: StreamLog) {
        let count = target.countKept()
        if count & (count - 1) == 0 { log.fellBack(token, entry, to: target, count: count) }
    }

    // MARK: The stand-in

    /// Its `open` has answered.
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
        // Without `next`, nothing else can fail.
        if !entry.description.hasNext { StreamEnding(self).noteWaiting() }
        // Meanwhile the subscriber may have left, or the server may be stopping.
        if let reason = stream.reason { return ExclusiveStream(self).end(reason) }
        row.pointee.handoff?.attach()
        // Sending its first events may end it, and then its row may belong to another stream.
        let (streams, token) = (streams, token)
        ExclusiveStream(self).pump()
        streams.considerMigrating(token)
    }

    /// Its `open` takes too long: the subscriber is told of the failure, and the stream is closed if it ever opens.
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
