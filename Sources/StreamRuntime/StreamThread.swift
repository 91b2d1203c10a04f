import EventStream
import ProducerInterface
import StreamLoop
import SystemCalls

/// The thread of one blocking stream: calls its `open`, `next` and `close`, and hands what they yield to the stream's loop.
///
/// It is told to end through the handoff; what it runs is asked to hurry by the loop (`interrupt`). A `next` that never returns keeps
/// the thread, its stream and its memory for ever, and nothing else.
final class StreamThread: @unchecked Sendable {
    // Unchecked: what changes is the thread's own, and that of the one that follows it when a producer has ended it.
    private let token: StreamToken
    private let entry: ProducerEntry
    private let handoff: Handoff
    private let streams: LoopStreams
    private var beginning: Beginning?
    /// Until its producer needs no thread any more.
    private var place: ThreadPlace?
    /// The call of the producer that the thread is in, or the newest.
    private var function = CallMark.Function.open
    private var phase = StreamLife.Phase.opening
    private var state = ProducerState.none
    private var reason = CloseReason.failed

    enum Beginning: Sendable {
        case open(StreamRequest)
        /// The stream lived on its loop so far.
        case running(state: ProducerState)
        // The same, and what the loop has called there has returned.
        case opened(OpenOutcome, state: ProducerState)
        case pulled(PullOutcome, EncodedFrames?, state: ProducerState)
        /// `close` was called; `false`: `closed` will follow.
        case closing(isOver: Bool, CloseReason)
    }

    static let name = "sluice-stream"

    init(
        _ token: StreamToken, _ entry: ProducerEntry, _ handoff: Handoff, _ streams: LoopStreams,
        _ beginning: Beginning, on place: consuming ThreadPlace?
    ) {
        self.token = token
        self.entry = entry
        self.handoff = handoff
        self.streams = streams
        self.beginning = beginning
        self.place = place
    }

    /// - Returns: `false` if no thread can be started.
    static func start(
        _ token: StreamToken, _ entry: ProducerEntry, _ handoff: Handoff, _ streams: LoopStreams,
        _ beginning: Beginning, on place: consuming ThreadPlace?
    ) -> Bool {
        StreamThread(token, entry, handoff, streams, beginning, on: place).start()
    }

    private func start() -> Bool {
        startThread(named: Self.name, stackBytes: streams.counts.stackBytes, died: { self.died() }, { self.run() })
    }

    /// The stream's life on the calling thread, until its end.
    func run() {
        switch begin() {
        case .opened(let outcome, let state)?: opened(outcome, state)
        case .running(let state)?: close(state, produce(state))
        case .pulled(let outcome, let frames, let state)?: close(state, produce(state, behind: outcome, frames))
        case .closing(let isOver, let reason)?: closed(isOver, reason)
        case .open?, nil: break
        }
    }

    /// Calls `open`, if it was not called yet. The request is gone behind this: a stream does not keep it, with its body, for as long as it lives.
    /// - Returns: `nil` if it ended before.
    private func begin() -> Beginning? {
        let beginning = beginning.take()
        guard case .open(let request)? = beginning else { return beginning }
        if handoff.isCancelled != nil {
            place = nil
            streams.loop.post { [streams, token] in
                if let slot = streams.slot(token) { StreamOpening(streams, slot).skip() }
            }
            return nil
        }
        var state = ProducerState.none
        function = .open
        let outcome = entry.producer.open(token, request, state: &state)
        return .opened(outcome, state: state)
    }

    /// `open` has returned.
    private func opened(_ outcome: OpenOutcome, _ state: ProducerState) {
        self.state = state
        var outcome = outcome
        if case .pending = outcome {
            answer(.pending, state)
            wait: while true {
                switch handoff.waitForOpenAnswer() {
                case .open(let later):
                    outcome = later
                    break wait
                case .call(let call):
                    run(call)
                }
            }
        }
        guard case .opened = outcome else {
            streams.handleIsStale(token)
            // Before the answer, upon which the loop may want a thread for another try.
            place = nil
            return answer(outcome, state)
        }
        phase = .open
        answer(outcome, state)
        while let call = handoff.waitUntilAttached() { run(call) }
        close(state, produce(state))
    }

    private func answer(_ outcome: OpenOutcome, _ state: ProducerState) {
        streams.loop.post { [streams, token] in
            guard let slot = streams.slot(token) else { return }
            let opening = StreamOpening(streams, slot)
            opening.stream.state = state
            opening.answered(outcome)
        }
    }

    /// Calls `next` until the stream ends.
    /// - Parameter first: what it has answered already.
    /// - Returns: why it ended.
    private func produce(
        _ state: ProducerState, behind first: PullOutcome = .more, _ encoded: EncodedFrames? = nil
    ) -> CloseReason {
        (self.state, phase) = (state, .open)
        if let reason = encoded.flatMap({ put($0.frames) }) { return reason }
        var frames = FrameBuffer(capacity: 1024, isChunked: true)
        frames.isMarked = entry.description.isShared
        var deadline: MonotonicNanoseconds = .max
        if let end = note(first, &deadline) { return finish(end) }
        if !entry.description.hasNext { deadline = .max }
        while true {
            switch handoff.wait(until: deadline) {
            case .cancelled(let reason): return reason
            case .call(let call):
                run(call)
                continue
            case .rest(let number):
                rest(number, state)
                continue
            case .woken where !entry.description.hasNext: continue
            case .woken, .time: break
            }
            frames.removeAll()
            function = .next
            let outcome = entry.producer.pull(token, state: state, into: &frames, events: 1, bytes: .max)
            if let reason = put(frames) { return reason }
            if let end = note(outcome, &deadline) { return finish(end) }
        }
    }

    /// - Returns: why the stream ends, if it was told to before there was room.
    private func put(_ frames: borrowing FrameBuffer) -> CloseReason? {
        let (reason, tellLoop) = handoff.put(frames)
        if reason == nil, tellLoop { streams.loop.wake(token.raw) }
        return reason
    }

    private func run(_ call: ScheduledCall) {
        function = .schedule
        streams.run(call)
    }

    /// - Parameter deadline: when `next` is worth calling again.
    /// - Returns: how the stream ended, if it has.
    private func note(_ outcome: PullOutcome, _ deadline: inout Int64) -> Handoff.Finish? {
        switch outcome {
        case .more:
            deadline = 0
        case .wait(let milliseconds):
            let (nanoseconds, overflow) = max(1, milliseconds).multipliedReportingOverflow(by: 1_000_000)
            deadline = milliseconds < 0 || overflow ? .max : monotonicNanoseconds().addingSaturating(nanoseconds)
        case .ended: return .ended
        case .failed(let failure): return .failed(failure)
        }
        return nil
    }

    /// Between two calls of `next`: says what a successor should know, and waits for what becomes of it.
    private func rest(_ number: Int, _ state: ProducerState) {
        function = .save
        let saved = entry.description.savesState ? entry.producer.save(token, state: state) : nil
        streams.loop.post { [streams, token] in
            if let slot = streams.slot(token) { Migration(streams, slot).threadRests(number, saved) }
        }
        while let call = handoff.waitWhileResting() { run(call) }
    }

    private func finish(_ end: Handoff.Finish) -> CloseReason {
        if let given = handoff.finish(end) { return given }
        streams.loop.wake(token.raw)
        return if case .ended = end { .completed } else { .failed }
    }

    private func close(_ state: ProducerState, _ reason: CloseReason) {
        _ = streams.withGate(token) { $0.isClosing = true }
        // From here on there is no interrupt.
        streams.calls.running.wait(for: token)
        function = .close
        self.reason = reason
        closed(entry.producer.close(token, state: state, reason: reason), reason)
    }

    /// `close` has returned.
    private func closed(_ isOver: Bool, _ reason: CloseReason) {
        (self.reason, phase) = (reason, .closing)
        if isOver {
            // What other threads ask of it from now on is told so, even if the loop does not know yet.
            streams.handleIsStale(token)
        } else {
            while let call = handoff.waitUntilClosed() { run(call) }
        }
        over(reason)
    }

    /// The producer has ended the thread: another one goes on, with a call that failed.
    func died() {
        streams.calls.running.forgetThread()
        let next = Beginning.behindDeath(in: function, phase, state, reason)
        streams.log.endedThread(token, entry, function.name)
        let heir = StreamThread(token, entry, handoff, streams, next, on: place.take())
        // Here at the latest, on what is left of this one.
        if !heir.start() { heir.run() }
    }

    /// The last thing that the thread does for its stream.
    /// - Parameter reason: what `close` was told.
    private func over(_ reason: CloseReason) {
        place = nil
        streams.loop.post { [streams, token] in
            if let slot = streams.slot(token) { StreamEnding(streams, slot).closedByThread(reason) }
        }
    }
}
