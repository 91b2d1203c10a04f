import PluginHost
import SystemCalls

/// What a server looks after once a second, whatever else it does.
struct HousekeepingRound {
    private static let interval: Int64 = 1_000_000_000

    /// Monotonic nanoseconds.
    private(set) var due = monotonicNanoseconds() + interval

    mutating func makeIfDue() {
        let now = monotonicNanoseconds()
        guard now >= due else { return }
        due = now + Self.interval
        ProcessState.check()
        HostLog.tellLeftOut()
    }
}
