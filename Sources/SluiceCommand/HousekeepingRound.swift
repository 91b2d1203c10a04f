import PluginHost
import SystemCalls

/// What a server looks after once a second, whatever else it does.
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
