import Synchronization
package import SystemCalls

/// Closures of one signature and one target, and the tombstones among them that wait to be reused.
///
/// **When is it safe to reuse a tombstone?** C may hold its address, and a call may even be on its way into it: in the
/// instructions of the trampoline, before anything could count it. So its memory never becomes anything else. What the
/// trampoline and libffi read there (code, interface, target) is the same for all closures of a family and is never
/// written again, so such a call arrives safely, and finds either a tombstone or a live closure. Only the words of the
/// closure change, and only while no call is inside (see `Closure`). What remains is a call that is meant for the
/// previous stream and reaches the next one. Nothing can tell those two apart, so a tombstone rests first: for `rest`
/// nanoseconds after its end, which each late call begins anew. The one that has rested longest is reused first.
package final class ClosureFamily: Sendable {
    private let target: any ClosureTarget
    private let interface: CallInterface
    private let budget: ClosureBudget
    /// The longest resting first, except for those that were called since they were added.
    private let resting = Mutex(Queue())

    private struct Queue {
        private var entries: [(closure: Closure, since: MonotonicNanoseconds)] = []
        private var start = 0

        var first: (closure: Closure, since: MonotonicNanoseconds)? { start < entries.count ? entries[start] : nil }

        mutating func append(_ closure: Closure, since: MonotonicNanoseconds) { entries.append((closure, since)) }

        mutating func removeFirst() {
            start += 1
            guard start * 2 > entries.count else { return }
            entries.removeFirst(start)
            start = 0
        }
    }

    package init(_ target: any ClosureTarget, _ interface: CallInterface, budget: ClosureBudget = .shared) {
        self.target = target
        self.interface = interface
        self.budget = budget
    }

    /// A live closure: one that has rested, or a new one.
    package func make(_ words: ClosureWords) throws(ClosureError) -> Closure {
        if let closure = takeRested() {
            closure.arm(words)
            return closure
        }
        guard budget.take() else { throw .limit(budget.limit) }
        do throws(ClosureError) {
            let closure = try Closure(target, interface)
            closure.arm(words)
            return closure
        } catch {
            budget.giveBack()
            throw error
        }
    }

    /// Makes a tombstone of a closure that this family made. Further calls do nothing.
    package func retire(_ closure: Closure) {
        let now = monotonicNanoseconds()
        guard closure.bury(now: now) else { return }
        budget.buried()
        resting.withLock { $0.append(closure, since: now) }
    }

    private func takeRested() -> Closure? {
        let now = monotonicNanoseconds()
        return resting.withLock { queue in
            // Closures at the front that were called late go to the end; not all of them at once.
            for _ in 0..<8 {
                guard let (closure, since) = queue.first, since <= now - budget.rest else { return nil }
                queue.removeFirst()
                switch closure.startArming(restingSince: now - budget.rest) {
                case .ready:
                    budget.revived()
                    return closure
                case .usedAt(let time): queue.append(closure, since: time)
                case .busy: queue.append(closure, since: now)
                }
            }
            return nil
        }
    }
}

/// How many closures there may be, and how many there are.
package final class ClosureBudget: Sendable {
    /// The budget of the process: at most 65,536, some 12 MB. A tombstone rests for a minute, so it is enough for a
    /// thousand new streams a second with a closure each.
    package static let shared = ClosureBudget(limit: 1 << 16, rest: 60_000_000_000)

    package let limit: Int
    /// How long a tombstone must not have been called before it can be reused.
    package let rest: Nanoseconds
    private let made = Atomic(0)
    private let tombstones = Atomic(0)

    package init(limit: Int, rest: Nanoseconds) {
        self.limit = limit
        self.rest = rest
    }

    package struct Figures: Sendable, Equatable {
        package let live: Int
        package let tombstones: Int
        /// The memory of both.
        package let bytes: Int
    }

    package var figures: Figures {
        let made = made.load(ordering: .relaxed)
        let dead = min(tombstones.load(ordering: .relaxed), made)
        return Figures(live: made - dead, tombstones: dead, bytes: made * Closure.bytes)
    }

    func take() -> Bool {
        if made.add(1, ordering: .relaxed).newValue <= limit { return true }
        giveBack()
        return false
    }

    func giveBack() { made.subtract(1, ordering: .relaxed) }
    func buried() { tombstones.add(1, ordering: .relaxed) }
    func revived() { tombstones.subtract(1, ordering: .relaxed) }
}
