import SystemCalls

/// Whether a non-blocking producer makes a habit of stalling its loop, and for how long its streams get threads because of that.
///
/// One slow call may be an accident: of the file system, of a machine that was suspended. Some in a short time are a habit. It is forgiven
/// after a while, which doubles each time that it comes back soon.
struct StallHabit {
    /// So many stalls within `period` are a habit.
    static let stallsMax = 3
    static let period: Nanoseconds = 10_000_000_000
    static let firstPenalty: Nanoseconds = 60_000_000_000
    static let longestPenalty: Nanoseconds = 3_600_000_000_000

    /// When the newest stalls were, the oldest first.
    private var stalls: [MonotonicNanoseconds] = []
    private var penalty: Nanoseconds = 0
    /// When the newest penalty ends; 0: there was none.
    private(set) var end: MonotonicNanoseconds = 0

    /// - Returns: the penalty, if it begins with this stall.
    mutating func stalled(at now: MonotonicNanoseconds) -> Nanoseconds? {
        stalls.removeAll { $0 <= now - Self.period }
        stalls.append(now)
        return stalls.count >= Self.stallsMax ? begin(at: now) : nil
    }

    /// A call that does not return is no accident.
    mutating func hung(at now: MonotonicNanoseconds) { _ = begin(at: now) }

    private mutating func begin(at now: MonotonicNanoseconds) -> Nanoseconds {
        if now >= end {
            // Good for as long as it was punished the last time: it begins anew.
            let isBack = penalty > 0 && now - end < penalty
            penalty = isBack ? min(penalty * 2, Self.longestPenalty) : Self.firstPenalty
        }
        end = now.addingSaturating(penalty)
        stalls = []
        return penalty
    }
}
