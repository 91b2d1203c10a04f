import SystemCalls

/// Whether a non-blocking producer stalls its loop habitually, and for how long its streams get threads because of
/// that.
///
/// One slow call may be an accident: of the file system, or of a machine that was suspended. Several within a short
/// time are a habit. The penalty ends after a while, which doubles each time the habit soon returns.
struct StallHabit {
    /// This many stalls within `period` are a habit.
    static let stallsMax = 3
    static let period: Nanoseconds = 10_000_000_000
    static let firstPenalty: Nanoseconds = 60_000_000_000
    static let longestPenalty: Nanoseconds = 3_600_000_000_000

    /// The times of the newest stalls, the oldest first.
    private var stalls: [MonotonicNanoseconds] = []
    private var penalty: Nanoseconds = 0
    /// When the newest penalty ends; 0: there was none.
    private(set) var end: MonotonicNanoseconds = 0

    /// - Returns: the penalty, if one begins with this stall.
    mutating func stalled(at now: MonotonicNanoseconds) -> Nanoseconds? {
        stalls.removeAll { $0 <= now - Self.period }
        stalls.append(now)
        return stalls.count >= Self.stallsMax ? begin(at: now) : nil
    }

    /// A call that does not return is not an accident.
    mutating func hung(at now: MonotonicNanoseconds) { _ = begin(at: now) }

    private mutating func begin(at now: MonotonicNanoseconds) -> Nanoseconds {
        if now >= end {
            // No habit for as long as the last penalty: begin with the first penalty again.
            let isBack = penalty > 0 && now - end < penalty
            penalty = isBack ? min(penalty * 2, Self.longestPenalty) : Self.firstPenalty
        }
        end = now.addingSaturating(penalty)
        stalls = []
        return penalty
    }
}
