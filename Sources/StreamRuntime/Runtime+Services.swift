import CCalls
package import EventStream
package import ProducerInterface
import StreamLoop
import SystemCalls

/// What producers request for their streams, from any thread.
extension Runtime: StreamServices {
    /// Runs the body with the stream's gate.
    /// - Returns: `nil` if the stream is over, or never was.
    private func withGate<Result>(_ token: StreamToken, _ body: (inout StreamGate) -> Result) -> Result? {
        token.loop < loops.count ? loops[token.loop].withGate(token, body) : nil
    }

    @discardableResult package func wake(_ stream: StreamToken) -> Bool {
        guard stream.loop < loops.count else { return false }
        let streams = loops[stream.loop]
        while true {
            switch streams.table.markWoken(stream) {
            case .pending: return true
            case .first:
                streams.loop.wake(stream.raw)
                return true
            case .notDirect: break
            }
            guard let handoff = streams.withGate(stream, { $0.isThreaded ? $0.handoff : nil }) else { return false }
            if let handoff {
                handoff.wakeThread()
                return true
            }
            // The stream has just returned to its loop.
        }
    }

    package func emit(
        _ stream: StreamToken, whenFull policy: OverflowPolicy, _ encode: (inout FrameBuffer) -> Bool
    ) -> EmitOutcome {
        enum Queue {
            case none
            case resting
            case there(Handoff)
        }
        let queue = withGate(stream) { gate -> Queue in
            if gate.isCancelled { return .none }
            if let handoff = gate.handoff { return .there(handoff) }
            if gate.isResting, case .refuse = policy {
                gate.isRoomWanted = true
                return .resting
            }
            let handoff = Handoff(limitBytes: limits.handoffBytes, isMarked: gate.isShared)
            gate.handoff = handoff
            return .there(handoff)
        }
        let handoff: Handoff
        switch queue {
        case nil, .some(.none): return .over
        case .resting: return .full
        case .there(let there): handoff = there
        }
        let (outcome, tellLoop) = handoff.emit(whenFull: policy, encode)
        if tellLoop { loops[stream.loop].loop.wake(stream.raw) }
        sluice_note_emit(stream.raw)
        return outcome
    }

    package func takeEmitted(_ stream: StreamToken, into frames: inout FrameBuffer) {
        guard let handoff = withGate(stream, { $0.handoff }) else { return }
        handoff?.takeFrames(into: &frames)
    }

    package func sleep(_ stream: StreamToken, milliseconds: Int64) -> Bool? {
        guard let handoff = withGate(stream, { $0.isThreaded ? $0.handoff : nil }), let handoff else { return nil }
        return handoff.sleep(milliseconds: milliseconds)
    }

    package func isCancelled(_ stream: StreamToken) -> Bool {
        withGate(stream) { $0.isCancelled } ?? true
    }

    package func isLive(_ stream: StreamToken) -> Bool {
        withGate(stream) { _ in true } ?? false
    }

    package func producer(of stream: StreamToken) -> (any EventProducer)? {
        withGate(stream) { $0.entry?.producer } ?? nil
    }

    package func opened(_ stream: StreamToken, _ outcome: OpenOutcome) -> Bool {
        // Has a case `not`, because the type of an optional is looked up at its first use, which needs more stack than
        // this thread may have.
        enum Answered {
            case not
            case loop
            case thread(Handoff)
        }
        let answered = withGate(stream) { gate -> Answered in
            guard gate.isOpening else { return .not }
            gate.isOpening = false
            // From here on the handle is stale, even before the loop knows.
            if !outcome.isOpened { gate.isLive = false }
            if gate.isThreaded, let handoff = gate.handoff { return .thread(handoff) }
            return .loop
        }
        guard let answered else { return false }
        if case .not = answered { return false }
        if !outcome.isOpened { waitForCalls(of: stream, "opened") }
        switch answered {
        case .not: break
        case .thread(let handoff):
            handoff.answerOpen(outcome)
        case .loop:
            let streams = loops[stream.loop]
            // After the return of `open`, which may still be running.
            streams.loop.post {
                streams.answered(stream, outcome)
            }
        }
        return true
    }

    package func closed(_ stream: StreamToken) -> Bool {
        enum Closed {
            case not
            case loop
            case thread(Handoff)
        }
        let closed = withGate(stream) { gate -> Closed in
            guard gate.isClosing else { return .not }
            gate.isClosing = false
            gate.isLive = false
            if gate.isThreaded, let handoff = gate.handoff { return .thread(handoff) }
            return .loop
        }
        guard let closed else { return false }
        if case .not = closed { return false }
        waitForCalls(of: stream, "closed")
        switch closed {
        case .not: break
        case .thread(let handoff):
            handoff.signalClosed()
        case .loop:
            let streams = loops[stream.loop]
            // After the return of `close`, which may still be running.
            streams.loop.post {
                streams.answeredClose(stream)
            }
        }
        return true
    }

    /// Needed because the producer will free what its running calls touch.
    private func waitForCalls(of stream: StreamToken, _ function: StaticString) {
        let streams = loops[stream.loop]
        streams.calls.running.wait(for: stream, deadline: monotonicNanoseconds().addingSaturating(limits.stuckReport)) {
            // On a thread with enough stack: this one may have only 16 KiB.
            _ = startThread(named: "sluice-report", stackBytes: 512 * 1024) {
                streams.log.waits(stream, function)
            }
        }
    }

    package func schedule(
        _ stream: StreamToken, afterNanoseconds: Int64, _ call: ProducerCall
    ) -> ScheduleOutcome {
        let limit = counts.maxScheduledCalls
        let isTaken = withGate(stream) { gate in
            guard gate.scheduledCalls < limit else { return false }
            gate.scheduledCalls += 1
            return true
        }
        guard let isTaken else { return .over }
        guard isTaken else { return .tooMany }
        let streams = loops[stream.loop]
        // Through the loop even for a stream on a thread: only the loop knows where the stream is at that moment.
        streams.loop.post {
            let due = streams.loop.system.now().addingSaturating(max(0, afterNanoseconds))
            streams.schedule(stream, due: due, call)
        }
        return .accepted
    }
}
