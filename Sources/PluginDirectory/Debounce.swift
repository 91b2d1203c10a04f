import SystemCalls

/// Detects that something has changed and come to rest: it differs from before, and has stayed the same for a while.
///
/// For example, the size of a file that is copied slowly changes repeatedly. If it were loaded too early, it would be
/// refused.
struct Debounce<Sample: Equatable & Sendable>: Sendable {
    /// How long it must stay the same.
    let rest: Nanoseconds
    /// The last reported sample.
    private var known: Sample
    private var pending: (sample: Sample, since: MonotonicNanoseconds)?

    init(_ sample: Sample, rest: Nanoseconds) {
        known = sample
        self.rest = rest
    }

    /// - Returns: `true` if it has changed and is at rest; once for each change.
    mutating func look(_ sample: Sample, at now: MonotonicNanoseconds) -> Bool {
        // A change that was undone is reported, too: the state in between may have been loaded.
        if pending == nil, sample == known { return false }
        guard let pending, pending.sample == sample else {
            self.pending = (sample, now)
            return false
        }
        guard now - pending.since >= rest else { return false }
        known = sample
        self.pending = nil
        return true
    }

    /// When to look again, even without news; `nil` if nothing is pending.
    var nextLook: MonotonicNanoseconds? { pending.map { $0.since + rest } }
}
