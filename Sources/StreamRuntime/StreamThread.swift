import EventStream
import StreamLoop
import Synchronization

/// The thread of one blocking stream: calls its `open`, `next` and `close`, and hands what they yield to the stream's loop.
///
/// It is told to end through the handoff; what it runs is asked to hurry by the loop (`interrupt`). A `next` that never returns keeps
/// the thread, its stream and its memory for ever, and nothing else.
final class StreamThread: Sendable {
    private let token: StreamToken
    private let entry: ProducerEntry
    private let handoff: Handoff
    private let streams: LoopStreams
    private let beginning: Mutex<Beginning?>

    enum Beginning: @unchecked Sendable {
        // Unchecked: the state pointer is handed over to the thread, and only used there.
        case open(StreamRequest)
        /// The stream lived on its loop so far.
        case running(state: UnsafeMutableRawPointer?)
    }

    private static let stackBytes = 512 * 1024

    private init(
        _ token: StreamToken, _ entry: ProducerEntry, _ handoff: Handoff, _ streams: LoopStreams, _ beginning: Beginning
    ) {
        self.token = token
        self.entry = entry
        self.handoff = handoff
        self.streams = streams
        self.beginning = Mutex(beginning)
    }

    /// - Returns: `false` if the system has no thread to give.
    static func start(
        _ token: StreamToken, _ entry: ProducerEntry, _ handoff: Handoff, _ streams: LoopStreams, _ beginning: Beginning
    ) -> Bool {
        let thread = StreamThread(token, entry, handoff, streams, beginning)
        return startThread(named: "sluice-stream", stackBytes: stackBytes) { thread.run() }
    }

    private func run() {
        var state: UnsafeMutableRawPointer?
        guard begin(&state) else { return }
        close(state, produce(state))
    }

    /// - Returns: `false` if nothing was opened.
    private func begin(_ state: inout UnsafeMutableRawPointer?) -> Bool {
        // Taken away, so that a stream does not keep its request, with its body, for as long as it lives.
        switch beginning.withLock({ $0.take() }) {
        case .open(let request)?:
            guard open(request, &state) else { return false }
            while let call = handoff.waitUntilAttached() { streams.run(call) }
        case .running(let running)?:
            state = running
        case nil:
            preconditionFailure("a thread begins once")
        }
        return true
    }

    /// - Returns: `false` if nothing was opened.
    private func open(_ request: StreamRequest, _ state: inout UnsafeMutableRawPointer?) -> Bool {
        if handoff.isCancelled != nil {
            streams.census.threadIsFree()
            streams.loop.post { [streams, token] in
                if let slot = streams.slot(token) { streams.skipOpening(slot) }
            }
            return false
        }
        var outcome = entry.producer.open(token, request, state: &state)
        if case .pending = outcome {
            answer(.pending, state)
            wait: while true {
                switch handoff.waitForOpenAnswer() {
                case .open(let later):
                    outcome = later
                    break wait
                case .call(let call):
                    streams.run(call)
                }
            }
        }
        guard case .opened = outcome else {
            streams.handleIsStale(token)
            // Before the answer, upon which the loop may want a thread for another try.
            streams.census.threadIsFree()
            answer(outcome, state)
            return false
        }
        answer(outcome, state)
        return true
    }

    private func answer(_ outcome: OpenOutcome, _ state: UnsafeMutableRawPointer?) {
        let address = UInt(bitPattern: state)
        streams.loop.post { [streams, token] in
            guard let slot = streams.slot(token) else { return }
            streams.table[slot].pointee.state = UnsafeMutableRawPointer(bitPattern: address)
            streams.opened(slot, outcome)
        }
    }

    /// Calls `next` until the stream ends.
    /// - Returns: why it ended.
    private func produce(_ state: UnsafeMutableRawPointer?) -> CloseReason {
        var frames = FrameBuffer(capacity: 1024, isChunked: true)
        frames.isMarked = entry.description.isShared
        var deadline: Int64 = entry.description.hasNext ? 0 : .max
        while true {
            switch handoff.wait(until: deadline) {
            case .cancelled(let reason): return reason
            case .call(let call):
                streams.run(call)
                continue
            case .rest(let number):
                rest(number, state)
                continue
            case .woken where !entry.description.hasNext: continue
            case .woken, .time: break
            }
            frames.removeAll()
            let outcome = entry.producer.pull(token, state: state, into: &frames, events: 1, bytes: .max)
            let (reason, tellLoop) = handoff.put(frames)
            if let reason { return reason }
            if tellLoop { streams.loop.wake(token.raw) }
            switch outcome {
            case .more:
                deadline = 0
            case .wait(let milliseconds):
                let (nanoseconds, overflow) = max(1, milliseconds).multipliedReportingOverflow(by: 1_000_000)
                deadline = milliseconds < 0 || overflow ? .max : monotonicNanoseconds().addingSaturating(nanoseconds)
            case .ended:
                return finish(.ended, .completed)
            case .failed(let failure):
                return finish(.failed(failure), .failed)
            }
        }
    }

    /// Between two calls of `next`: says what a successor should know, and waits for what becomes of it.
    private func rest(_ number: Int, _ state: UnsafeMutableRawPointer?) {
        let saved = entry.description.savesState ? entry.producer.save(token, state: state) : nil
        streams.loop.post { [streams, token] in streams.rested(token, number, saved) }
        while let call = handoff.waitWhileResting() { streams.run(call) }
    }

    private func finish(_ end: Handoff.Finish, _ reason: CloseReason) -> CloseReason {
        if let given = handoff.finish(end) { return given }
        streams.loop.wake(token.raw)
        return reason
    }

    private func close(_ state: UnsafeMutableRawPointer?, _ reason: CloseReason) {
        _ = streams.withGate(token) { $0.isClosing = true }
        // From here on there is no interrupt.
        streams.calls.wait(for: token)
        if entry.producer.close(token, state: state, reason: reason) {
            // What other threads ask of it from now on is told so, even if the loop does not know yet.
            streams.handleIsStale(token)
        } else {
            while let call = handoff.waitUntilClosed() { streams.run(call) }
        }
        over(reason)
    }

    /// The last thing that the thread does for its stream.
    /// - Parameter reason: what `close` was told.
    private func over(_ reason: CloseReason) {
        streams.census.threadIsFree()
        streams.loop.post { [streams, token] in
            if let slot = streams.slot(token) { streams.threadIsOver(slot, reason) }
        }
    }
}

extension LoopStreams {
    /// The stream's thread has closed it.
    /// - Parameter reason: what `close` was told, which is the true one even if the connection was lost a moment later.
    func threadIsOver(_ slot: UInt32, _ reason: CloseReason) {
        if table[slot].pointee.source == .open {
            endSuccession(slot, reason)
            // The end of its source still waits in the handoff. It is taken here even if the socket is full: nobody else would
            // close the source once it was.
            if table[slot].pointee.role == .source {
                drainSource(slot)
            } else {
                output.removeAll()
                if let end = takeHandoff(slot) { finish(slot, end) }
            }
        }
        table[slot].pointee.reason = reason
        closed(slot)
    }

    /// Gives a stream that lived on the loop a thread of its own, because its producer stalls.
    /// - Returns: `false` if there is none to give: then it stays.
    func moveToThread(_ slot: UInt32) -> Bool {
        let record = table[slot]
        let entry = record.pointee.entry!
        guard census.takeThread() else { return false }
        let token = token(slot)
        let handoff = table.withGate(slot) { gate in
            let handoff = gate.handoff ?? Handoff(limitBytes: limits.handoffBytes, isMarked: entry.description.isShared)
            gate.handoff = handoff
            gate.isThreaded = true
            return handoff
        }
        handoff.becomeThreaded(with: scheduled.remove(of: token))
        record.pointee.calls = 0
        handoff.attach()
        record.pointee.handoff = handoff
        record.pointee.isThreaded = true
        let running = StreamThread.Beginning.running(state: record.pointee.state)
        if StreamThread.start(token, entry, handoff, self, running) { return true }
        // Without a thread to be had, everything stays as it was; a wake that went to the handoff is made good by the pull that
        // follows.
        census.threadIsFree()
        record.pointee.isThreaded = false
        table.withGate(slot) { $0.isThreaded = false }
        for call in handoff.becomeThreadless() {
            record.pointee.calls += 1
            scheduled.insert(due: call.due, stream: token, call.function, call.context)
        }
        return false
    }
}
