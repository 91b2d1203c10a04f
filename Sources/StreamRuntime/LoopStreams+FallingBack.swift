import EventStream
import StreamLoop

/// A generation on trial takes nobody down with it: a stream that fails there before its first event falls back, which is to say that it is
/// opened anew in the generation before, in the same response, with all that the failed one was told.
///
/// The failed one is closed as any other, at once. Its connection goes to the new one, which has it while its `open` is awaited; if that does
/// not succeed, the subscriber is told of the failure after all. If it does, and what follows is no failure either, the first one counts
/// against its generation.
extension LoopStreams {
    /// - Parameter slot: a stream that has ended by itself, all that it has produced counted.
    /// - Returns: `true` if it goes on elsewhere: the failed one is closed, and its record may be gone.
    func fallBack(_ slot: UInt32, _ end: SourceEnd) -> Bool {
        let record = table[slot]
        guard let failure = end.failure, record.pointee.events == 0, record.pointee.link == .connected, endOfAll == nil,
            let (new, request) = addStandIn(for: slot)
        else { return false }
        table[new].pointee.fallingBack = FallingBack(
            failure, deadline: loop.now.addingSaturating(limits.migrationDeadline))
        moveConnection(from: slot, to: new)
        closeEnded(slot, end)
        let token = token(new)
        openContinuation(new, request)
        if self.slot(token) != nil { reschedule(new) }
        return true
    }

    /// Takes a place in the generation before for a stream that has failed on trial.
    /// - Returns: `nil` if that has no such producer, or its request was not kept.
    private func addStandIn(for slot: UInt32) -> (slot: UInt32, request: StreamRequest)? {
        let record = table[slot]
        let entry = record.pointee.entry!
        guard let resumption = record.pointee.resumption, let target = entry.fallback else { return nil }
        var request = resumption.current
        guard let parameters = target.producer.adopt(request.parameters),
            let new = addContinuation(by: target, peer: request.remoteAddress)
        else { return nil }
        request.parameters = parameters
        request.saved = resumption.saved
        noteFallBack(token(slot), entry, to: target)
        record.pointee.resumption = nil
        table[new].pointee.resumption = resumption
        table[new].pointee.doubted = entry.generation.trial
        // In the generation that it has just left again, nothing is to be had.
        table[new].pointee.isKept = true
        return (new, request)
    }

    /// The open of a stream on trial has failed: it is tried in the generation before, and its answer is the one that the subscriber gets.
    /// - Returns: `false` if there is nothing to try; otherwise the record is gone.
    func openElsewhere(_ slot: UInt32, _ door: (any OpenAnswering)?) -> Bool {
        let record = table[slot]
        guard record.pointee.role == .stream, record.pointee.link == .waiting, record.pointee.reason == nil,
            let door, let opening = record.pointee.opening, let (new, request) = addStandIn(for: slot)
        else { return false }
        opening.door = door
        opening.knownAs = opening.knownAs ?? token(slot)
        movedDoors[opening.knownAs!] = token(new)
        record.pointee.opening = nil
        table[new].pointee.link = .waiting
        table[new].pointee.opening = opening
        neverOpened(slot)
        openContinuation(new, request)
        return true
    }

    /// The stream that the door means.
    func takeMoved(_ token: StreamToken) -> StreamToken {
        movedDoors.isEmpty ? token : movedDoors.removeValue(forKey: token) ?? token
    }

    private func noteFallBack(_ token: StreamToken?, _ entry: ProducerEntry, to target: ProducerEntry) {
        let count = target.countKept()
        if count & (count - 1) == 0 { log.fellBack(token, entry, to: target, count: count) }
    }

    /// The open in place of a failed one has answered.
    /// - Parameter outcome: `nil`: it was not even called.
    func fallbackAnswered(_ slot: UInt32, _ outcome: OpenOutcome?) {
        let record = table[slot]
        let failure = record.pointee.fallingBack!.failure
        record.pointee.fallingBack = nil
        guard case .opened? = outcome else {
            let isConnected = record.pointee.link == .connected
            if isConnected { record.pointee.link = .ending }
            record.pointee.source = .over
            record.pointee.opening = nil
            sourceIsOver(slot)
            if isConnected { tell(failure, to: slot) }
            return
        }
        begin(slot)
        record.pointee.opening = nil
        // Without `next` there is nothing more to fail in.
        if !record.pointee.entry!.description.hasNext { noteWaiting(record) }
        // Meanwhile its subscriber may have left, or the server been told to stop.
        if let reason = record.pointee.reason { return end(slot, reason) }
        record.pointee.handoff?.attach()
        // It may end, and be gone, with what it sends first.
        let token = token(slot)
        pump(slot)
        considerMigrating(token)
    }

    /// The open takes too long: the subscriber is told of the failure, and the stream is closed if it ever opens.
    func giveUp(_ slot: UInt32, _ fallingBack: FallingBack) {
        let record = table[slot]
        fallingBack.deadline = .max
        let token = token(slot)
        defer { if self.slot(token) != nil { reschedule(slot) } }
        if record.pointee.reason == nil { record.pointee.reason = .disconnected }
        cancelOpening(slot)
        guard record.pointee.link == .connected else { return }
        record.pointee.link = .ending
        tell(fallingBack.failure, to: slot)
    }

    private func tell(_ failure: StreamFailure, to slot: UInt32) {
        output.removeAll()
        appendFailure(slot, failure.message)
        if transmit(slot) { settle(slot) }
    }

    // MARK: Shared streams

    /// Where the source of a hub that has failed, all that it has produced published, can be opened anew.
    func fallback(ofSource slot: UInt32) -> ProducerEntry? {
        let record = table[slot]
        let hub = record.pointee.hub
        return record.pointee.events == 0 && hub.state == .open ? fallback(of: hub) : nil
    }

    func fallback(of hub: Hub) -> ProducerEntry? {
        guard let target = hub.entry.fallback, target.producer.adopt(hub.parameters) != nil else { return nil }
        return target
    }

    /// The hub gets a source of the generation before; its history, its ids and its subscribers stay.
    /// - Parameters:
    ///   - failed: the source that is closed, or about to be; `nil`: it has not opened.
    ///   - ending: what the subscribers are told if that does not open.
    ///   - trial: of the generation in which it has failed.
    func fallBack(
        _ hub: Hub, _ failed: StreamToken?, to target: ProducerEntry, _ ending: HubReplica.Ending, _ trial: Trial?
    ) {
        noteFallBack(failed, hub.entry, to: target)
        if let parameters = target.producer.adopt(hub.parameters) { hub.parameters = parameters }
        directory.succeed(hub, by: target)
        for index in [loop.index] + hub.links.map(\.loop) { send(to: index) { $0.rehome(hub, target) } }
        hub.fallingBack = ending
        hub.doubted = trial
        openSource(hub)
    }

    /// The producer was asked, and did not fail: so it has not in what it is compared with.
    func noteWaiting(_ record: UnsafeMutablePointer<StreamRecord>) {
        guard let doubted = record.pointee.doubted else { return }
        record.pointee.doubted = nil
        doubted.failed()
    }
}
