import Glibc
import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import Locks

@Suite("Conditions", .onTestThreads)
struct ConditionTests {
    @Test("a wait ends at its deadline, and not earlier", arguments: [0, 3_000_000, 1_000_000_001] as [Int64])
    func deadline(_ nanoseconds: Int64) {
        let condition = Condition()
        let deadline = monotonicNanoseconds() + nanoseconds
        condition.withLock { while monotonicNanoseconds() < deadline { condition.wait(until: deadline) } }
        #expect(monotonicNanoseconds() >= deadline)
    }

    @Test("a wait whose deadline has long passed returns at once", arguments: [.min, -1, 0, 1] as [Int64])
    func over(_ deadline: Int64) {
        let condition = Condition()
        condition.withLock { condition.wait(until: deadline) }
    }

    @Test("a broadcast wakes all waiting threads, with and without a deadline")
    func broadcast() {
        let shared = Shared()
        onThreads(13) { index in
            if index == 12 {
                // After all others wait: they count with the lock held, which waiting releases.
                while shared.condition.withLock({ shared.count }) < 12 { sched_yield() }
                shared.condition.withLock {
                    shared.isOpen = true
                    shared.condition.broadcast()
                }
            } else {
                shared.condition.withLock {
                    shared.count += 1
                    let deadline = index % 2 == 0 ? .max : monotonicNanoseconds() + 1 << 50
                    while !shared.isOpen { shared.condition.wait(until: deadline) }
                }
            }
        }
    }

    @Test("no broadcast is lost between the check and the wait")
    func nothingLost() {
        // Two pairs of threads pass a ball; each waits for the other without a deadline.
        let games = [Shared(), Shared()]
        onThreads(4) { index in
            let (shared, side) = (games[index / 2], index % 2)
            for _ in 0..<5_000 {
                shared.condition.withLock {
                    while shared.count % 2 != side { shared.condition.wait(until: .max) }
                    shared.count += 1
                    shared.condition.broadcast()
                }
            }
        }
        #expect(games.map(\.count) == [10_000, 10_000])
    }

    private final class Shared: @unchecked Sendable {  // only used with the lock held
        let condition = Condition()
        var count = 0
        var isOpen = false
    }
}
