import SystemCalls

/// Decides when candidates begin, and when decided ones are ready to serve. Candidates are numbers, in order of
/// precedence.
struct LoadSchedule {
    struct Patience: Sendable {
        /// The most candidates that use a processor at a time.
        var working: Int
        /// The most candidates at a time, including those that wait. Each has a thread here, and most have a process of
        /// their own.
        var threadsMax = 64
        /// A candidate that has hardly used a processor for this long is waiting, and another one begins.
        var waiting: Nanoseconds = 50_000_000
        /// After this time, a candidate counts as hanging, whatever it does: others begin, and those that are ready no
        /// longer wait for it.
        var hanging: Nanoseconds = 1_000_000_000
    }

    private struct Running {
        let candidate: Int
        let begun: MonotonicNanoseconds
        /// The processor time at `usedSince`.
        var used: Nanoseconds?
        var usedSince: MonotonicNanoseconds
        /// When it last used a processor.
        var workedAt: MonotonicNanoseconds
    }

    /// A candidate that uses less than a tenth of a processor counts as waiting: the threads of some runtimes wake up
    /// now and then.
    private static let workingPart: Int64 = 10

    private let patience: Patience
    private let count: Int
    private var next = 0
    private var running: [Running] = []
    /// The decided candidates that have not been taken yet, with the times of the decisions.
    private var decided: [Int: MonotonicNanoseconds] = [:]

    init(count: Int, _ patience: Patience) {
        self.count = count
        self.patience = patience
    }

    /// Whether all candidates are decided.
    var isOver: Bool { next == count && running.isEmpty }

    /// Takes the next candidate, if one may begin now.
    mutating func begin(now: MonotonicNanoseconds) -> Int? {
        let working = running.count { now - $0.workedAt < patience.waiting && !isHanging($0, now) }
        guard next < count, working < patience.working, running.count < patience.threadsMax else { return nil }
        running.append(Running(candidate: next, begun: now, used: nil, usedSince: now, workedAt: now))
        next += 1
        return next - 1
    }

    /// - Parameter used: the processor time that the candidate has used so far; `nil`: unknown, so it counts as
    ///   working.
    mutating func note(_ candidate: Int, used: Nanoseconds?, now: MonotonicNanoseconds) {
        guard let index = running.firstIndex(where: { $0.candidate == candidate }) else { return }
        let one = running[index]
        var works = true
        if let used, let before = one.used {
            // The time goes backwards when the clock of the loading thread replaces the probe's: loading has just
            // begun.
            works = abs(used - before) * Self.workingPart > now - one.usedSince
            // The measurement restarts after `waiting`: what the candidate did earlier says nothing about now.
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

    /// Takes the candidates that no longer need to wait for others: when all others hang, and at the latest `hanging`
    /// after one was decided.
    ///
    /// As many as possible are taken together, so that two can swap their routes. A candidate is not taken before one
    /// that precedes it and does not hang: if two want the same route, the result must not depend on their speed.
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
