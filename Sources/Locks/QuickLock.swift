import CLinux
package import Synchronization

/// A lock of four bytes for critical sections of less than a microsecond, and any number of threads.
///
/// Swift's `Mutex` is a futex with priority inheritance: the kernel hands it from one thread to the next, so that with
/// more threads than cores each turn costs a context switch (17,000 turns a second with eight threads on two cores).
/// This lock goes to the thread that comes first: a running thread can take it again and again while others sleep, and
/// no thread is guaranteed a turn. As the critical sections are short, a sleeping thread finds it free soon after.
package struct QuickLock: ~Copyable, Sendable {
    /// 0: free. 1: held. 2: held, and others may sleep on it (U. Drepper, "Futexes Are Tricky", 2011, mutex 2).
    @usableFromInline let word = Atomic<UInt32>(0)

    @inlinable package init() {}

    /// Must not be called by a thread that holds it already.
    @inlinable package borrowing func lock() {
        if !word.compareExchange(expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
            .exchanged
        {
            lockSlowly()
        }
    }

    /// Only the thread that holds it may call this.
    @inlinable package borrowing func unlock() {
        if word.exchange(0, ordering: .releasing) == 2 { wakeOne() }
    }

    /// About a microsecond: as long as a critical section takes, and less than a sleep.
    private static var spinsMax: Int { 40 }

    @inline(never) @usableFromInline borrowing func lockSlowly() {
        for _ in 0..<Self.spinsMax {
            sluice_pause()
            let state = word.load(ordering: .relaxed)
            // If others sleep already, the thread that holds it is not running.
            if state == 2 { break }
            if state == 0,
                word.compareExchange(expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
                    .exchanged
            {
                return
            }
        }
        // A thread that had to sleep sets "others may sleep": it cannot know whether it was the only one.
        while word.exchange(2, ordering: .acquiring) != 0 {
            withUnsafePointer(to: word) { sluice_futex_wait($0, 2, .max) }
        }
    }

    @inline(never) @usableFromInline borrowing func wakeOne() {
        withUnsafePointer(to: word) { sluice_futex_wake($0, 1) }
    }
}
