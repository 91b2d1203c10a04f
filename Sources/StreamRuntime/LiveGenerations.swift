import Locks
import Synchronization
import SystemCalls

/// The generations whose `shutdown` has not returned, by name. Separate from the object that makes generations: the
/// generations, and so their streams, retain this one, and must not retain that one.
///
/// A `shutdown` is a plugin's code and may never return. So each has a thread of its own, and waiting for it always has
/// a deadline.
final class LiveGenerations: Sendable {
    /// - Returns: `false` if no thread can be started.
    typealias Starting = @Sendable (@escaping @Sendable () -> Void) -> Bool

    private struct Ending {
        let begun: MonotonicNanoseconds
        var isReported = false
    }

    private struct State {
        var names: [Int: String] = [:]
        var last = 0
        var ending: [Int: Ending] = [:]
        /// Those that have no thread yet.
        var waiting: [(number: Int, shutdown: @Sendable () -> Void)] = []
    }

    private let state = Mutex(State())
    private let ended = Condition()
    private let start: Starting
    private let clock: @Sendable () -> MonotonicNanoseconds

    init(start: @escaping Starting, clock: @escaping @Sendable () -> MonotonicNanoseconds) {
        self.start = start
        self.clock = clock
    }

    /// - Returns: the number for `shutDown`.
    func begin(_ name: String) -> Int {
        state.withLock { state in
            state.last += 1
            state.names[state.last] = name
            return state.last
        }
    }

    /// Runs a plugin's `shutdown` soon, on another thread; returns at once.
    /// - Parameter number: from `begin`.
    func shutDown(_ number: Int, _ shutdown: @escaping @Sendable () -> Void) {
        let now = clock()
        state.withLock { state in
            state.ending[number] = Ending(begun: now)
            state.waiting.append((number, shutdown))
        }
        startWaiting()
    }

    /// Starts threads for those that have none, as far as possible.
    func startWaiting() {
        while let next = state.withLock({ $0.waiting.popLast() }) {
            let isStarted = start { [self] in
                next.shutdown()
                end(next.number)
            }
            if isStarted { continue }
            return state.withLock { $0.waiting.append(next) }
        }
    }

    private func end(_ number: Int) {
        state.withLock { state in
            state.names[number] = nil
            state.ending[number] = nil
        }
        ended.withLock { ended.broadcast() }
    }

    /// Takes those whose `shutdown` takes longer than the limit, each once.
    /// - Returns: their names, and when to ask again; `nil` if none is ending.
    func takeLate(after limit: Nanoseconds) -> (names: [String], next: MonotonicNanoseconds?) {
        let now = clock()
        return state.withLock { state in
            let late = state.ending.filter { !$0.value.isReported && now >= $0.value.begun.addingSaturating(limit) }
            for number in late.keys { state.ending[number]!.isReported = true }
            let next = state.ending.values.filter { !$0.isReported }.map { $0.begun.addingSaturating(limit) }.min()
            return (late.keys.compactMap { state.names[$0] }.sorted(), next)
        }
    }

    /// Waits until none is left, or until the deadline.
    /// - Returns: those that are left.
    func waitForEnd(until deadline: MonotonicNanoseconds) -> [String] {
        startWaiting()
        ended.withLock {
            while !state.withLock(\.names.isEmpty), monotonicNanoseconds() < deadline { ended.wait(until: deadline) }
        }
        return names
    }

    var names: [String] { state.withLock { $0.names.values.sorted() } }
}
