import CLinux
import Synchronization
package import SystemCalls

/// A lock with a condition on the monotonic clock, which `Synchronization` does not have. For a thread that waits for
/// room, for time, or for the end of its stream, whichever comes first.
package final class Condition: @unchecked Sendable {
    // Unchecked: the counts are only touched with the lock held.
    private let lock = QuickLock()
    /// Counts broadcasts, for a thread that is about to sleep: it only sleeps if there was none meanwhile.
    private let broadcasts = Atomic<UInt32>(0)
    private var waiting = 0
    /// Threads are woken once the lock is free, because they take it first.
    private var isWakeDue = false

    package init() {}

    package func withLock<Result>(_ body: () -> Result) -> Result {
        lock.lock()
        defer { unlock() }
        return body()
    }

    private func unlock() {
        let isWakeDue = isWakeDue
        self.isWakeDue = false
        lock.unlock()
        if isWakeDue { withUnsafePointer(to: broadcasts) { sluice_futex_wake($0, .max) } }
    }

    /// Called with the lock held: waits for a `broadcast` or the deadline; may return early.
    package func wait(until deadline: MonotonicNanoseconds) {
        let seen = broadcasts.load(ordering: .relaxed)
        waiting += 1
        unlock()
        withUnsafePointer(to: broadcasts) { sluice_futex_wait($0, seen, max(deadline, 0)) }
        lock.lock()
        waiting -= 1
    }

    /// Called with the lock held: wakes all threads that wait.
    package func broadcast() {
        guard waiting > 0 else { return }
        broadcasts.add(1, ordering: .relaxed)
        isWakeDue = true
    }
}
