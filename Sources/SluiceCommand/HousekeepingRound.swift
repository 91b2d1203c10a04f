import PluginHost
import SystemCalls

/// The tasks that a server performs once a second in every phase.
struct HousekeepingRound {
    private static let interval: Nanoseconds = 1_000_000_000

    private(set) var due: MonotonicNanoseconds = monotonicNanoseconds() + interval

    mutating func makeIfDue() {
        let now = monotonicNanoseconds()
        guard now >= due else { return }
        due = now + Self.interval
        ProcessState.check()
        HostLog.tellLeftOut()
    }
}
