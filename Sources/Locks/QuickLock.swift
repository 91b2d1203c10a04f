import CLinux
package import Synchronization

/// A lock of four bytes for what is held for less than a microsecond, by any number of threads.
///
/// Swift's `Mutex` is a futex with priority inheritance: the kernel hands it from one thread to the next, so that with more
/// threads than cores each turn costs a switch of threads (17,000 turns a second, of eight threads on two cores). This one is left to
/// whoever comes first: a thread that runs takes it again and again while others sleep, and none is owed a turn. As the critical
/// sections are short, whoever sleeps finds it free soon after.
package struct QuickLock: ~Copyable, Sendable {
    /// 0: free. 1: held. 2: held, and others may sleep at it (U. Drepper, "Futexes Are Tricky", 2011, mutex 2).
    @usableFromInline let word = Atomic<UInt32>(0)

    @inlinable package init() {}

    /// Not by a thread that has it already.
    @inlinable package borrowing func lock() {
        if !word.compareExchange(expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
            .exchanged
        {
            lockSlowly()
        }
    }

    /// By the thread that has it.
    @inlinable package borrowing func unlock() {
        if word.exchange(0, ordering: .releasing) == 2 { wakeOne() }
    }

    /// About a microsecond: as long as a critical section takes, and less than a sleep.
    private static var spinsMax: Int { 40 }

    @inline(never) @usableFromInline borrowing func lockSlowly() {
        for _ in 0..<Self.spinsMax {
            sluice_pause()
            let state = word.load(ordering: .relaxed)
            // Where others sleep already, its holder is one that does not run.
            if state == 2 { break }
            if state == 0,
                word.compareExchange(expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
                    .exchanged
            {
                return
            }
        }
        // Whoever had to sleep takes it as "others may sleep": it can't know whether it was the only one.
        while word.exchange(2, ordering: .acquiring) != 0 {
            withUnsafePointer(to: word) { sluice_futex_wait($0, 2, .max) }
        }
    }

    @inline(never) @usableFromInline borrowing func wakeOne() {
        withUnsafePointer(to: word) { sluice_futex_wake($0, 1) }
    }
}
