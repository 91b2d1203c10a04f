import SystemCalls

/// Tells when something that changes has come to rest: it looks different from before, and has looked the same for a
/// while.
///
/// A file that is copied slowly changes its size again and again; loading it on the way would only earn a refusal.
struct Debounce<Sample: Equatable & Sendable>: Sendable {
    /// How long it must look the same.
    let rest: Nanoseconds
    /// What was told last.
    private var known: Sample
    private var pending: (sample: Sample, since: MonotonicNanoseconds)?

    init(_ sample: Sample, rest: Nanoseconds) {
        known = sample
        self.rest = rest
    }

    /// - Returns: whether it has changed and is at rest; once for each change.
    mutating func look(_ sample: Sample, at now: MonotonicNanoseconds) -> Bool {
        // What changed and changed back is told, too: somebody may have taken up what was there in between.
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

    /// When to look again, if nothing else tells; `nil` if nothing is pending.
    var nextLook: MonotonicNanoseconds? { pending.map { $0.since + rest } }
}
