import CCalls
import DequeModule
import ProducerInterface
import StreamLoop
import SystemCalls

/// The calls of producers that a loop makes. All of them are made here, at the end of the loop's turn, each kind with
/// its share of the time.
///
/// At that point no work of the loop is half done, so another thread can take the loop over from a call that hangs. The
/// thread that made the call then finds that it has lost the loop: it must not touch anything of it, and each function
/// on the way back returns `false`.
final class ProducerCalls {
    enum DueCall {
        case open(StreamToken, StreamRequest)
        case close(StreamToken)
    }

    /// The call that the loop is in.
    let mark = CallMark()
    /// When that began, or the newest one did.
    private(set) var began: MonotonicNanoseconds = 0
    /// The seat of the thread that has the loop.
    var seat = LoopSeat()
    /// What is left to threads that have lost the loop.
    let left = LeftStreams()
    /// Calls that other threads may have to wait for.
    let running = RunningCalls()
    /// Calls of `open` and `close`, in the order in which they are made.
    private var due: Deque<DueCall> = []
    private var stallWatch = StallWatch()

    /// How much of a turn these calls may take before ready connections and due timers are handled.
    private static let time: Nanoseconds = 2_000_000

    var isEmpty: Bool { due.isEmpty }

    func add(_ call: DueCall) { due.append(call) }

    /// Another thread has taken over the loop.
    func beginAnew() { stallWatch = StallWatch() }

    /// Makes one call of a producer.
    /// - Parameter after: where the stream's life continues after a call that has lost the loop, on the thread that
    ///   made it.
    /// - Returns: `nil` if this thread has lost the loop: the stream has ended by then, and the thread must end.
    @inline(__always)
    func call<Result>(
        _ view: some RowView, _ function: CallMark.Function, _ body: (StreamToken, ProducerEntry) -> Result,
        after: (Result, LeftStream) -> StreamThread.Beginning
    ) -> Result? {
        let (streams, token, entry) = (view.streams, view.token, view.entry)
        // Read again, so that a producer is not blamed for earlier work in this turn.
        began = streams.loop.updateNow()
        let seat = seat
        // From here on, another thread may take the loop.
        let number = mark.begin(token, function)
        seat.call = number
        let result = body(token, entry)
        guard mark.end(number) else {
            let stream = left.take(number)
            streams.log.returned(token, entry, function.name, after: monotonicNanoseconds() - stream.since)
            streams.counts.hangingCalls.remove(token)
            seat.stream = StreamThread(
                token, entry, stream.handoff, streams, after(result, stream), on: stream.takePlace())
            nameThread(StreamThread.name)
            seat.stream?.run()
            return nil
        }
        noteTime(of: function, entry, in: streams)
        return result
    }

    /// Counts a call, and logs a producer that held the loop for too long. If it does so habitually, its streams get
    /// threads for a while.
    private func noteTime(of function: CallMark.Function, _ entry: ProducerEntry, in streams: LoopStreams) {
        let (now, limit) = (streams.loop.updateNow(), streams.limits.stallLimit)
        if function == .next { entry.tallies[streams.loop.index].pointee.callTimes.add(now - began) }
        guard let stall = stallWatch.stall(from: began, to: now, limit: limit, on: streams.loop.system),
            entry.description.isNonblocking, !entry.usesThreads(at: now)
        else { return }
        streams.log.stalled(entry, function.name, stall, limit: limit, penalty: entry.noteStall(at: now))
    }

    // MARK: open, close

    /// At the end of a turn.
    /// - Returns: `false` if this thread has lost the loop; the same holds for the functions below.
    func makeDue(in streams: LoopStreams) -> Bool {
        guard !due.isEmpty else { return true }
        let end = streams.loop.updateNow() + Self.time
        while let call = due.popFirst() {
            switch call {
            case .open(let token, let request):
                guard let slot = streams.slot(token) else { break }
                guard callOpen(StreamOpening(streams, slot), request) else { return false }
            case .close(let token):
                guard let slot = streams.slot(token) else { break }
                guard callClose(StreamEnding(streams, slot)) else { return false }
            }
            if streams.loop.now >= end { break }
        }
        return true
    }

    private func callOpen(_ opening: StreamOpening, _ request: StreamRequest) -> Bool {
        guard opening.stream.reason == nil else {
            opening.skip()
            return true
        }
        var state = ProducerState.none
        let outcome = call(opening, .open) { token, entry in
            entry.producer.open(token, request, state: &state)
        } after: { outcome, _ in
            .opened(outcome, state: state)
        }
        guard let outcome else { return false }
        opening.stream.state = state
        opening.answered(outcome)
        return true
    }

    private func callClose(_ ending: StreamEnding) -> Bool {
        guard ending.stream.phase == .closeDue else { return true }
        // Its `open` may have been asked to hurry on another thread, and that call may not have returned yet.
        let (streams, token) = (ending.streams, ending.token)
        let mayClose = running.isOver(token) { streams.loop.post { streams.calls.add(.close(token)) } }
        guard mayClose else { return true }
        let (state, reason) = (ending.stream.state, ending.stream.reason!)
        ending.stream.life.callsClose()
        // Not before: a `closed` that comes before `close` is called breaks the contract.
        streams.table.withGate(ending.slot) { $0.isClosing = true }
        let isOver = call(ending, .close) { token, entry in
            entry.producer.close(token, state: state, reason: reason)
        } after: { isOver, _ in
            .closing(isOver: isOver, reason)
        }
        guard let isOver else { return false }
        if isOver { ending.closed() } else { ending.reschedule() }
        return true
    }

    // MARK: next, save

    enum Pulled {
        /// There is nothing more before the time that is noted in the record.
        case all
        case more
        case end(StreamEnd)
        /// This thread has lost the loop.
        case lost
    }

    /// Lets the producer fill the output.
    func pull(_ view: some RowView) -> Pulled {
        // Whatever it answers, a wake from now on is a new one.
        view.stream.nextDue = .max
        let (state, place) = (view.stream.state, view.streams.outputPlace)
        let outcome = call(view, .next) { token, entry in
            sluice_ask_stream(token.raw)
            defer { sluice_ask_stream(0) }
            return entry.producer.pull(
                token, state: state, into: &place.pointee, events: .max, bytes: LoopStreams.batchBytes)
        } after: { outcome, stream in
            .pulled(outcome, stream.frames, state: state)
        }
        switch outcome {
        case nil: return .lost
        case .more:
            view.stream.nextDue = 0
            return .more
        case .wait(let milliseconds):
            if milliseconds >= 0 {
                // Zero means "again", but not at the expense of all other streams.
                let (nanoseconds, overflow) = max(1, milliseconds).multipliedReportingOverflow(by: 1_000_000)
                view.stream.nextDue = overflow ? .max : began.addingSaturating(nanoseconds)
            }
            return .all
        case .ended: return .end(.completed)
        case .failed(let failure): return .end(.failed(failure))
        }
    }

    /// What the stream hands over to the next generation.
    /// - Returns: `false` if this thread has lost the loop.
    func save(_ view: some RowView, _ saved: inout [UInt8]?) -> Bool {
        let state = view.stream.state
        let outcome = call(view, .save) { token, entry in
            entry.producer.save(token, state: state)
        } after: { _, _ in
            // It is called once more when the thread rests.
            .running(state: state)
        }
        guard let outcome else { return false }
        saved = outcome
        return true
    }
}
