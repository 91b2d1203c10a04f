import Locks
import StreamLoop
import Synchronization
import SystemCalls

/// The thread that checks whether a call of a producer holds its loop, and makes another thread take over the loop if
/// so.
///
/// It counts its own checks instead of reading a clock: while the process or the whole machine is stopped, it does not
/// check either.
final class LoopWatch: Sendable {
    private let loops: [LoopStreams]
    private let condition = Condition()
    private let state: Mutex<State>

    private struct State {
        var isStopped = false
        var interval: Nanoseconds
        var seen: [(call: UInt64, looks: Int)]
    }

    /// How often it checks within the time that a call may take.
    static let looksPerDeadline = 4

    init(_ loops: [LoopStreams], limits: Limits) {
        self.loops = loops
        state = Mutex(State(interval: Self.interval(limits), seen: loops.map { _ in (0, 0) }))
    }

    private static func interval(_ limits: Limits) -> Int64 { max(1, limits.callDeadline / Int64(looksPerDeadline)) }

    /// - Returns: `false` if no thread can be started.
    func start() -> Bool {
        startThread(named: "sluice-watch", stackBytes: 512 * 1024) { [self] in
            while rest() { look() }
        }
    }

    func stop() { change { $0.isStopped = true } }

    func takeLimits(_ limits: Limits) { change { $0.interval = Self.interval(limits) } }

    private func change(_ body: (inout State) -> Void) {
        condition.withLock {
            state.withLock { body(&$0) }
            condition.broadcast()
        }
    }

    /// - Returns: `false` when there is nothing left to watch.
    private func rest() -> Bool {
        condition.withLock {
            let began = monotonicNanoseconds()
            while true {
                let (isStopped, interval) = state.withLock { ($0.isStopped, $0.interval) }
                if isStopped { return false }
                let end = began.addingSaturating(interval)
                if monotonicNanoseconds() >= end { return true }
                condition.wait(until: end)
            }
        }
    }

    /// Checks each loop once. For one thread at a time.
    func look() {
        for (index, streams) in loops.enumerated() {
            let call = streams.calls.mark.running
            let looks = state.withLock { state in
                let isSame = call != nil && state.seen[index].call == call!.number
                state.seen[index] = (call?.number ?? 0, isSame ? state.seen[index].looks + 1 : 0)
                return state.seen[index].looks
            }
            streams.isHeld.store(looks > 0, ordering: .relaxed)
            // Tried at each check, reported once.
            if let call, looks >= Self.looksPerDeadline, !LoopTakeover(streams: streams).begin(from: call),
                looks == Self.looksPerDeadline
            {
                LoopTakeover(streams: streams).noteNoThread(for: call)
            }
        }
    }
}
