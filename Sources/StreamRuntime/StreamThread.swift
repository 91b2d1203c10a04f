import EventStream
import ProducerInterface
import StreamLoop
import SystemCalls

/// The thread of one blocking stream: calls its `open`, `next` and `close`, and hands their results to the stream's
/// loop.
///
/// It is told to end through the handoff; the loop asks its current call to hurry (`interrupt`). A `next` that never
/// returns keeps the thread, its stream and its memory forever, and nothing else.
final class StreamThread: @unchecked Sendable {
    // Unchecked: mutable state is only touched by this thread, and by its successor if a producer has ended it.
    private let token: StreamToken
    private let entry: ProducerEntry
    private let handoff: Handoff
    private let streams: LoopStreams
    private var beginning: Beginning?
    /// Kept until its producer no longer needs a thread.
    private var place: ThreadPlace?
    /// The current call of the producer, or the newest one.
    private var function = CallMark.Function.open
    private var phase = StreamLife.Phase.opening
    private var state = ProducerState.none
    private var reason = CloseReason.failed

    enum Beginning: Sendable {
        case open(StreamRequest)
        /// The stream lived on its loop until now.
        case running(state: ProducerState)
        // The same, and the call that the loop made there has returned.
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

    /// Runs the stream on the calling thread, until its end.
    func run() {
        switch begin() {
        case .opened(let outcome, let state)?: opened(outcome, state)
        case .running(let state)?: close(state, produce(state))
        case .pulled(let outcome, let frames, let state)?: close(state, produce(state, behind: outcome, frames))
        case .closing(let isOver, let reason)?: closed(isOver, reason)
        case .open?, nil: break
        }
    }

    /// Calls `open`, unless it was called already. The request is released after this, so that a stream does not keep
    /// it, with its body, all its life.
    /// - Returns: `nil` if the stream ended before.
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
            // Before the answer, as the loop may then want a thread for another try.
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
    /// - Parameter first: the answer that it has already given.
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

    /// - Returns: why the stream ends, if it was told to end before there was room.
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

    /// Between two calls of `next`: saves the state for a successor, and waits for the outcome.
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
        // From here on, `interrupt` is not called.
        streams.calls.running.wait(for: token)
        function = .close
        self.reason = reason
        closed(entry.producer.close(token, state: state, reason: reason), reason)
    }

    /// `close` has returned.
    private func closed(_ isOver: Bool, _ reason: CloseReason) {
        (self.reason, phase) = (reason, .closing)
        if isOver {
            // From now on, other threads find the handle stale, even if the loop does not know yet.
            streams.handleIsStale(token)
        } else {
            while let call = handoff.waitUntilClosed() { run(call) }
        }
        over(reason)
    }

    /// The producer has ended the thread: another one continues, with a call that failed.
    func died() {
        streams.calls.running.forgetThread()
        let next = Beginning.behindDeath(in: function, phase, state, reason)
        streams.log.endedThread(token, entry, function.name)
        let heir = StreamThread(token, entry, handoff, streams, next, on: place.take())
        // If no thread can be started, continue here, on what is left of this one.
        if !heir.start() { heir.run() }
    }

    /// The last thing that the thread does for its stream.
    /// - Parameter reason: the reason that `close` was given.
    private func over(_ reason: CloseReason) {
        place = nil
        streams.loop.post { [streams, token] in
            if let slot = streams.slot(token) { StreamEnding(streams, slot).closedByThread(reason) }
        }
    }
}
