import CCalls
import DequeModule
import EventStream
import StreamLoop

/// The calls of producers that a loop makes: all of them here, at the end of its turn, each with a share of the time.
///
/// At that point nothing of the loop is half done, so that another thread can take it over from a call that hangs. Whoever has made the call
/// then finds that the loop is lost: it may not touch anything of it, and each function on the way back answers `false`.
extension LoopStreams {
    enum DueCall {
        case open(StreamToken, StreamRequest)
        case close(StreamToken)
    }

    /// How long a turn may be at each kind of call, before what is ready and what is due has its turn. Nanoseconds.
    private static let callTime: Int64 = 2_000_000
    private static let servingTime: Int64 = 10_000_000

    func turnEnded() -> TurnEnd {
        // What is opened and closed comes last, as the others have some of that done, too.
        guard runScheduled(), serveQueue(), doChores(), makeDueCalls() else { return .lost }
        let hasMore = !dueCalls.isEmpty || isScheduleDue || !runQueue.isEmpty || hasChores
        return hasMore ? .more : .idle
    }

    /// Makes one call of a producer.
    /// - Parameter after: where the stream's life goes on behind a call that has lost the loop, on the thread that made it.
    /// - Returns: `nil` if the loop is lost: by now the stream has come to its end, and its thread is to end.
    @inline(__always)
    private func call<Result>(
        _ slot: UInt32, _ function: CallMark.Function, _ body: (StreamToken, ProducerEntry) -> Result,
        after: (Result, LeftStreams.LeftStream) -> StreamThread.Beginning
    ) -> Result? {
        let token = token(slot)
        let entry = table[slot].pointee.entry!
        // Looked up anew, so that no producer is blamed for what was done before it in this turn.
        callBegan = loop.updateNow()
        let seat = seat
        // From here on another thread may take the loop.
        let number = mark.begin(token, function)
        seat.call = number
        let result = body(token, entry)
        guard mark.end(number) else {
            let stream = left.take(number)
            log.returned(token, entry, function.name, after: monotonicNanoseconds() - stream.since)
            census.noLongerHangs(token)
            seat.stream = StreamThread(token, entry, stream.handoff, self, after(result, stream))
            nameThread(StreamThread.name)
            seat.stream?.run()
            return nil
        }
        noteStall(entry, function.name, since: callBegan)
        return result
    }

    // MARK: open, close

    private func makeDueCalls() -> Bool {
        guard !dueCalls.isEmpty else { return true }
        let end = loop.updateNow() + Self.callTime
        while let call = dueCalls.popFirst() {
            switch call {
            case .open(let token, let request): guard callOpen(token, request) else { return false }
            case .close(let token): guard callClose(token) else { return false }
            }
            if loop.now >= end { break }
        }
        return true
    }

    private func callOpen(_ token: StreamToken, _ request: StreamRequest) -> Bool {
        guard let slot = slot(token) else { return true }
        guard table[slot].pointee.reason == nil else {
            skipOpening(slot)
            return true
        }
        var state: UnsafeMutableRawPointer?
        let outcome = call(slot, .open) { token, entry in
            entry.producer.open(token, request, state: &state)
        } after: { outcome, _ in
            .opened(outcome, state: state)
        }
        guard let outcome else { return false }
        table[slot].pointee.state = state
        opened(slot, outcome)
        return true
    }

    private func callClose(_ token: StreamToken) -> Bool {
        guard let slot = slot(token), table[slot].pointee.source == .closeDue else { return true }
        // Its open may have been asked to hurry, elsewhere, and that call not have returned yet.
        let mayClose = calls.isOver(token) { [self] in loop.post { self.dueCalls.append(.close(token)) } }
        guard mayClose else { return true }
        let (state, reason) = (table[slot].pointee.state, table[slot].pointee.reason!)
        table[slot].pointee.source = .closing
        // Only now: a `closed` that comes before its `close` is called breaks the contract.
        table.withGate(slot) { $0.isClosing = true }
        let isOver = call(slot, .close) { token, entry in
            entry.producer.close(token, state: state, reason: reason)
        } after: { isOver, _ in
            .closing(isOver: isOver, reason)
        }
        guard let isOver else { return false }
        if isOver { closed(slot) } else { reschedule(slot) }
        return true
    }

    /// The open of its successor is the next thing to be called on this loop.
    func isAboutToBeContinued(_ slot: UInt32) -> Bool {
        guard let new = table[slot].pointee.succession?.new.flatMap(self.slot) else { return false }
        return table[new].pointee.source == .opening && !table[new].pointee.isPending && !table[new].pointee.isThreaded
    }

    // MARK: next

    /// The stream is served at the end of this turn, or of the next.
    func queue(_ slot: UInt32) {
        guard !table[slot].pointee.isQueued else { return }
        table[slot].pointee.isQueued = true
        runQueue.append(token(slot))
    }

    private func serveQueue() -> Bool {
        guard !runQueue.isEmpty else { return true }
        let end = loop.updateNow() + Self.servingTime
        // Who comes back in meanwhile has its turn when others had theirs.
        for _ in 0..<runQueue.count {
            guard let token = runQueue.popFirst() else { break }
            guard let slot = slot(token) else { continue }
            table[slot].pointee.isQueued = false
            switch table[slot].pointee.role {
            case .stream: guard serve(slot) else { return false }
            case .source: guard serveSource(slot) else { return false }
            case .member: pumpMember(slot)
            case .clock: break
            }
            if loop.now >= end { break }
        }
        return true
    }

    enum Pulled {
        /// Nothing more before the time that is noted in the record.
        case all
        case more
        case end(SourceEnd)
        /// The loop is another thread's.
        case lost
    }

    /// Fills the output with what there is: what was emitted, and what `next` gives if it is time to ask.
    func fetch(_ slot: UInt32) -> Pulled {
        if let end = takeHandoff(slot) { return .end(end) }
        // On a thread it goes on by itself; what was emitted before is still to be sent.
        guard isPullDue(table[slot], at: loop.now), output.count < Self.batchBytes, !movesToThread(slot) else {
            return .all
        }
        let pulled = pull(slot)
        if case .all = pulled { noteWaiting(table[slot]) }
        return pulled
    }

    /// Has the producer fill the output.
    private func pull(_ slot: UInt32) -> Pulled {
        // Whatever it answers, a wake from now on is a new one.
        table[slot].pointee.nextDue = .max
        let (state, place) = (table[slot].pointee.state, outputPlace)
        let outcome = call(slot, .next) { token, entry in
            sluice_ask_stream(token.raw)
            defer { sluice_ask_stream(0) }
            return entry.producer.pull(token, state: state, into: &place.pointee, events: .max, bytes: Self.batchBytes)
        } after: { outcome, stream in
            .pulled(outcome, stream.frames, state: state)
        }
        switch outcome {
        case nil: return .lost
        case .more:
            table[slot].pointee.nextDue = 0
            return .more
        case .wait(let milliseconds):
            if milliseconds >= 0 {
                // Zero means "again", but not at the cost of everyone else.
                let (nanoseconds, overflow) = max(1, milliseconds).multipliedReportingOverflow(by: 1_000_000)
                table[slot].pointee.nextDue = overflow ? .max : callBegan.addingSaturating(nanoseconds)
            }
            return .all
        case .ended: return .end(.completed)
        case .failed(let failure): return .end(.failed(failure))
        }
    }

    /// Moves the stream to a thread if its producer stalls loops, and there is one to be had.
    private func movesToThread(_ slot: UInt32) -> Bool {
        table[slot].pointee.entry!.usesThreads(at: loop.now) && moveToThread(slot)
    }

    // MARK: save

    /// What the stream hands over to the next generation.
    /// - Returns: `false` if the loop is lost.
    func save(_ slot: UInt32, _ saved: inout [UInt8]?) -> Bool {
        let state = table[slot].pointee.state
        let outcome = call(slot, .save) { token, entry in
            entry.producer.save(token, state: state)
        } after: { _, _ in
            // It is asked once more, when the thread rests.
            .running(state: state)
        }
        guard let outcome else { return false }
        saved = outcome
        return true
    }

    // MARK: schedule

    func setScheduleTimer() {
        loop.setTimer(Self.scheduleSlot, to: isScheduleDue ? .max : scheduled.earliest)
    }

    private func runScheduled() -> Bool {
        guard isScheduleDue else { return true }
        let now = loop.updateNow()
        while let next = scheduled.popDue(at: now) {
            guard isLive(next.stream) else {
                callsOfEnded -= 1
                continue
            }
            let slot = next.stream.slot
            table[slot].pointee.calls -= 1
            let state = table[slot].pointee.state
            let hasReturned = call(slot, .schedule) { _, _ in
                run(next)
            } after: { _, stream in
                switch stream.source {
                case .opening: .opened(.pending, state: state)
                case .open, .closeDue, .over: .running(state: state)
                case .closing: .closing(isOver: false, stream.reason!)
                }
            }
            guard hasReturned != nil else { return false }
            // The call may have answered an open or a close, but that takes effect in a later turn: the record is there.
            if loop.now - now >= Self.callTime, scheduled.earliest <= now { return true }
        }
        isScheduleDue = false
        setScheduleTimer()
        return true
    }
}
