import SystemCalls

/// When candidates begin, and when those that are decided may serve. Candidates are numbers here, in the order in which
/// they go before each other.
struct LoadSchedule {
    struct Patience: Sendable {
        /// Candidates at a time that use a processor.
        var working: Int
        /// Candidates at a time, those that wait included: each has a thread here, and most have a process of their
        /// own.
        var threadsMax = 64
        /// One that has hardly used a processor for so long only waits, and another begins beside it.
        var waiting: Nanoseconds = 50_000_000
        /// After so long a candidate counts as one that hangs, whatever it does: others begin beside it, and those that
        /// are ready no longer wait for it.
        var hanging: Nanoseconds = 1_000_000_000
    }

    private struct Running {
        let candidate: Int
        let begun: MonotonicNanoseconds
        /// What its clock showed at a moment not long ago.
        var used: Nanoseconds?
        var usedSince: MonotonicNanoseconds
        /// When it was last known to work.
        var workedAt: MonotonicNanoseconds
    }

    /// Who uses a smaller part of a processor than one in so many only waits: runtimes have threads that look around
    /// now and then.
    private static let workingPart: Int64 = 10

    private let patience: Patience
    private let count: Int
    private var next = 0
    private var running: [Running] = []
    /// Not taken yet, and when they were decided.
    private var decided: [Int: MonotonicNanoseconds] = [:]

    init(count: Int, _ patience: Patience) {
        self.count = count
        self.patience = patience
    }

    /// All have been decided.
    var isOver: Bool { next == count && running.isEmpty }

    /// Takes the next in line, if one may begin now.
    mutating func begin(now: MonotonicNanoseconds) -> Int? {
        let working = running.count { now - $0.workedAt < patience.waiting && !isHanging($0, now) }
        guard next < count, working < patience.working, running.count < patience.threadsMax else { return nil }
        running.append(Running(candidate: next, begun: now, used: nil, usedSince: now, workedAt: now))
        next += 1
        return next - 1
    }

    /// - Parameter used: by the candidate so far, of a processor; `nil`: nobody knows, so it counts as
    ///   one that works.
    mutating func note(_ candidate: Int, used: Nanoseconds?, now: MonotonicNanoseconds) {
        guard let index = running.firstIndex(where: { $0.candidate == candidate }) else { return }
        let one = running[index]
        var works = true
        if let used, let before = one.used {
            // It goes backwards where another clock is looked at, of the thread behind the probe: that has just begun.
            works = abs(used - before) * Self.workingPart > now - one.usedSince
            // What it did long ago says nothing of now.
            guard works || now - one.usedSince >= patience.waiting else { return }
        }
        running[index].used = used
        running[index].usedSince = now
        if works { running[index].workedAt = now }
    }

    mutating func decide(_ candidate: Int, now: MonotonicNanoseconds) {
        running.removeAll { $0.candidate == candidate }
        decided[candidate] = now
    }

    /// Takes those that need not wait for others any longer: when all others hang, and at the latest `hanging` after
    /// one was decided.
    ///
    /// They are taken together as far as possible, so that two may swap their routes, and none is taken before one that
    /// goes before it and does not hang: who gets a route that two want must not depend on who is faster.
    mutating func takeReady(now: MonotonicNanoseconds) -> Set<Int> {
        guard !isOver, let oldest = decided.values.min() else { return [] }
        let answering = running.filter { !isHanging($0, now) }
        guard answering.isEmpty || now - oldest >= patience.hanging else { return [] }
        let first = answering.map(\.candidate).min() ?? .max
        let ready = decided.keys.filter { $0 < first }
        for candidate in ready { decided[candidate] = nil }
        return Set(ready)
    }

    private func isHanging(_ one: Running, _ now: MonotonicNanoseconds) -> Bool { now - one.begun >= patience.hanging }
}
