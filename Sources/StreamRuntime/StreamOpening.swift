import ProducerInterface
import StreamLoop

/// A stream on its way from a row of the table to the answer of its `open`.
struct StreamOpening: RowView {
    let streams: LoopStreams
    let slot: UInt32

    init(_ streams: LoopStreams, _ slot: UInt32) { (self.streams, self.slot) = (streams, slot) }

    /// Any thread. Begins a new use of a slot that was allocated.
    /// - Returns: its epoch.
    static func openGate(
        _ slot: UInt32, in table: StreamTable, _ entry: ProducerEntry, _ handoff: Handoff?, isShared: Bool
    ) -> UInt32 {
        var gate = StreamGate()
        gate.isLive = true
        gate.isOpening = true
        gate.isThreaded = handoff != nil
        gate.isShared = isShared
        gate.entry = entry
        gate.handoff = handoff
        return table.beginUse(slot, with: gate)
    }

    /// Begins the row's stream.
    /// - Parameters:
    ///   - epoch: from `openGate`.
    ///   - reason: given if the stream must end before it has begun.
    func prepare(_ entry: ProducerEntry, epoch: UInt32, _ handoff: Handoff?, ending reason: CloseReason? = nil) {
        row.pointee.epoch = epoch
        row.pointee.entry = entry
        row.pointee.handoff = handoff
        row.pointee.since = loop.now
        stream.life.begin(reason)
        stream.isThreaded = handoff != nil
        connection.lastActivity = loop.now
    }

    /// Takes a row for a stream that continues another.
    /// - Returns: `nil` if the generation is over, or the table is full.
    static func continuation(of old: some RowView, by target: ProducerEntry, peer: String) -> StreamOpening? {
        let streams = old.streams
        var admission = Admission(of: target, in: streams)
        guard admission.enterGeneration(), let slot = streams.table.allocate() else { return nil }
        admission.addPlaces()
        let isShared = target.description.isShared
        let usesThread = target.usesThreads(at: streams.loop.now)
        let handoff = usesThread ? Handoff(limitBytes: streams.limits.handoffBytes, isMarked: isShared) : nil
        handoff?.becomeThreaded(with: [])
        let opening = StreamOpening(streams, slot)
        let epoch = openGate(slot, in: streams.table, target, handoff, isShared: isShared)
        opening.prepare(target, epoch: epoch, handoff)
        opening.row.pointee.opening = Opening(door: nil, peer: isShared ? "shared" : peer)
        opening.row.pointee.client = old.row.pointee.client
        admission.settle()
        return opening
    }

    func callContinuation(_ request: StreamRequest) {
        row.pointee.opening?.path = request.path
        call(request, on: row.pointee.handoff == nil ? nil : ThreadPlace.add(in: counts))
    }

    /// Calls `open`, on the loop or on the stream's thread.
    func call(_ request: StreamRequest, on place: consuming ThreadPlace?) {
        guard let handoff = row.pointee.handoff, let place else {
            return streams.calls.add(.open(token, request))
        }
        if !StreamThread.start(token, entry, handoff, streams, .open(request), on: place) { skip() }
    }

    /// The peer left, or the server is stopping, before `open` was called: nothing was opened, so nothing is closed.
    func skip() {
        if row.pointee.succession != nil { return Successor(self).answered(nil) }
        if row.pointee.standIn != nil { return FallingBack(self).answered(nil) }
        let door = row.pointee.opening?.door
        let hub = row.pointee.role == .hubStream ? row.pointee.hub : nil
        neverOpened()
        door?.answer(.unavailable)
        if let hub { HubHome(streams, hub).refused(.unavailable) }
    }

    /// `open` has answered: immediately, from the stream's thread, or later.
    func answered(_ outcome: OpenOutcome) {
        guard stream.phase == .opening else { return }
        if case .pending = outcome {
            stream.isPending = true
            if stream.reason != nil { cancel() } else { reschedule() }
            return
        }
        stream.isPending = false
        table.withGate(slot) { $0.isOpening = false }
        if row.pointee.succession != nil { return Successor(self).answered(outcome) }
        if row.pointee.standIn != nil { return FallingBack(self).answered(outcome) }
        let door = row.pointee.opening?.door
        row.pointee.opening?.door = nil
        if case .opened(let headers) = outcome { return opened(headers, door) }
        let answer: OpenAnswer
        switch outcome {
        case .ended(let headers):
            answer = .ended(headers: headers)
        case .rejected(let status, let message, let headers):
            log.rejected(token, entry, status: status, message: message)
            answer = .rejected(status: status, message: message, headers: headers)
        case .failed(let text):
            log.failed(token, entry, text, during: "open")
            if FallingBack(self).openElsewhere(door) { return }
            answer = .failed(code: token.description)
        case .opened, .pending:
            preconditionFailure("handled above")
        }
        let hub = row.pointee.role == .hubStream ? row.pointee.hub : nil
        neverOpened()
        door?.answer(answer)
        if let hub { HubHome(streams, hub).refused(answer) }
    }

    private func opened(_ headers: [StreamRequest.Field], _ door: (any OpenAnswering)?) {
        begin()
        if row.pointee.role == .hubStream { return HubHome(streams, row.pointee.hub).opened(slot, headers: headers) }
        if let reason = stream.reason { ExclusiveStream(self).end(reason) }
        // Without a door, the peer has left, and the row may already belong to another stream.
        guard let door else { return }
        door.answer(.stream(headers: headers))
        reschedule()
    }

    /// `open` has answered OK.
    func begin() {
        stream.life.opened()
        row.pointee.since = loop.now
        stream.nextDue = entry.description.hasNext ? 0 : .max
        StreamEnding(self).noLongerStuck()
        entry.countOpen()
        log.opened(token, entry, from: row.pointee.opening)
    }

    /// Asks an `open` that has not answered to hurry. Its answer is still awaited.
    func cancel() {
        let isFirst = table.withGate(slot) { gate in
            defer { gate.isCancelled = true }
            return !gate.isCancelled
        }
        if isFirst {
            stream.closingSince = loop.now
            reschedule()
        }
        row.pointee.handoff?.cancel(stream.reason!)
        guard stream.isPending else { return }
        StreamEnding(self).interrupt { $0.isOpening }
    }

    /// Frees the row of a stream whose `open` never answered OK, unless its connection still needs it.
    func neverOpened() {
        if let known = row.pointee.opening?.knownAs { streams.moved.forgetDoor(known) }
        stream.life.neverOpened()
        connection.link = .none
        row.pointee.opening = nil
        StreamEnding(self).isOver()
    }
}
