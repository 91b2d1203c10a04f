import Logging
import Synchronization
import SystemCalls

/// How many lines one plugin or producer may log per second. Further lines are counted, and their number is logged when
/// the second is over: a plugin that logs in each `next` would fill a disk.
final class LogBudget: Sendable {
    static let linesPerSecond = 1000
    static let periodNanoseconds: Int64 = 1_000_000_000

    private struct State {
        var periodStart: MonotonicNanoseconds = 0
        var written = 0
        var leftOut = 0
    }

    private let state = Mutex(State())

    /// - Returns: `false` if the line must be left out. Otherwise, `leftOut` is how many lines were left out in earlier
    ///   seconds, and must be logged now.
    func admit(now: MonotonicNanoseconds) -> (isAdmitted: Bool, leftOut: Int) {
        state.withLock { state in
            if now &- state.periodStart >= Self.periodNanoseconds {
                let leftOut = state.leftOut
                state = State(periodStart: now, written: 1)
                return (true, leftOut)
            }
            guard state.written < Self.linesPerSecond else {
                state.leftOut += 1
                return (false, 0)
            }
            state.written += 1
            return (true, 0)
        }
    }

    /// How many lines were left out and not reported yet; `nil` as long as their second is not over.
    func takeLeftOut(now: MonotonicNanoseconds) -> Int? {
        state.withLock { state in
            guard now &- state.periodStart >= Self.periodNanoseconds else { return nil }
            defer { state.leftOut = 0 }
            return state.leftOut
        }
    }

    static func tell(_ leftOut: Int, _ logger: Logger?) {
        guard leftOut > 0 else { return }
        logger?.warning(
            "log lines left out: more than \(linesPerSecond) came in one second",
            metadata: ["count": .stringConvertible(leftOut)])
    }
}
