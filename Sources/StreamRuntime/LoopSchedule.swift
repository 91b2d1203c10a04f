import ProducerInterface
import StreamLoop
import SystemCalls

/// The calls that producers have scheduled for streams on a loop, and the timer of the earliest one.
final class LoopSchedule {
    private var calls = ScheduledCalls()
    /// How many of them belong to streams that are over.
    private var ofEnded = 0
    /// The timer has fired.
    private(set) var isDue = false

    /// The slot whose timer is used.
    static let slot: UInt32 = 0
    /// How much of a turn these calls may take.
    private static let time: Nanoseconds = 2_000_000

    var count: Int { calls.count }

    /// Adds a call of a stream that lives on the loop.
    func add(to view: some RowView, due: MonotonicNanoseconds, _ call: ProducerCall) {
        view.stream.calls += 1
        calls.insert(due: due, stream: view.token, call)
        setTimer(of: view.loop)
    }

    /// Removes and returns everything that is scheduled for a stream, which moves to a thread.
    func remove(of view: some RowView) -> [ScheduledCall] {
        view.stream.calls = 0
        return calls.remove(of: view.token)
    }

    /// The stream is over: its calls never run. They are removed once such calls are more than half of all, because
    /// finding those of one stream means looking at all.
    func forget(_ view: some RowView) {
        ofEnded += Int(view.stream.calls)
        view.stream.calls = 0
        guard ofEnded * 2 > calls.count else { return }
        ofEnded = 0
        let streams = view.streams
        calls.keep { streams.isLive($0.stream) }
    }

    func timerFired(of loop: Loop) {
        isDue = true
        loop.setTimer(Self.slot, to: .max)
    }

    private func setTimer(of loop: Loop) { loop.setTimer(Self.slot, to: isDue ? .max : calls.earliest) }

    /// At the end of a turn: makes the calls that are due.
    /// - Returns: `false` if this thread has lost the loop.
    func run(in streams: LoopStreams) -> Bool {
        guard isDue else { return true }
        let now = streams.loop.updateNow()
        while let next = calls.popDue(at: now) {
            guard streams.isLive(next.stream) else {
                ofEnded -= 1
                continue
            }
            let view = StreamEnding(streams, next.stream.slot)
            view.stream.calls -= 1
            let state = view.stream.state
            let hasReturned = streams.calls.call(view, .schedule) { _, _ in
                streams.run(next)
            } after: { _, stream in
                switch stream.phase {
                case .opening: .opened(.pending, state: state)
                case .open, .closeDue, .over: .running(state: state)
                case .closing: .closing(isOver: false, stream.reason!)
                }
            }
            guard hasReturned != nil else { return false }
            // The call may have answered an open or a close, but that takes effect in a later turn, so the record still
            // exists.
            if streams.loop.now - now >= Self.time, calls.earliest <= now { return true }
        }
        isDue = false
        setTimer(of: streams.loop)
        return true
    }
}
