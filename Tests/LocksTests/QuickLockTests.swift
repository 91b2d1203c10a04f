import Synchronization
import TestSupport
import Testing

@testable import Locks

@Suite("Quick locks", .onTestThreads)
struct QuickLockTests {
    /// More than the cores of any machine that runs this, so that holders are interrupted and others sleep.
    static let threadCount = 24

    @Test("one thread at a time, with many more threads than cores")
    func exclusion() {
        let count = QuickMutex(0)
        let rounds = 5_000
        onThreads(Self.threadCount) { _ in
            for _ in 0..<rounds { count.withLock { $0 += 1 } }
        }
        #expect(count.withLock { $0 } == Self.threadCount * rounds)
    }

    @Test("a thread that sleeps at the lock is woken, however many there are")
    func sleepers() {
        let lock = SharedLock()
        let inside = Atomic(0)
        let worst = Atomic(0)
        onThreads(Self.threadCount) { _ in
            for _ in 0..<10 {
                lock.lock.lock()
                worst.max(inside.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
                // Long enough that the others stop spinning: then they all have to be woken, one by one.
                spin(milliseconds: 1)
                inside.subtract(1, ordering: .relaxed)
                lock.lock.unlock()
            }
        }
        #expect(worst.load(ordering: .relaxed) == 1)
    }

    @Test("the body's result or error is passed on, and the lock is released")
    func results() {
        struct Refusal: Error {}
        let texts = QuickMutex(["a"])
        #expect(texts.withLock { $0.removeLast() } == "a")
        #expect(throws: Refusal.self) { try texts.withLock { _ throws(Refusal) in throw Refusal() } }
        #expect(texts.withLock { $0.isEmpty })
    }

    @Test("the value is destroyed with the mutex")
    func end() {
        weak var seen: SharedLock?
        do {
            let held = QuickMutex(SharedLock())
            held.withLock { seen = $0 }
            #expect(seen != nil)
        }
        #expect(seen == nil)
    }

    private final class SharedLock: Sendable {
        let lock = QuickLock()
    }
}

/// Runs the body on this many threads at once, and returns after all have returned.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let running = Watched(count)
    for index in 0..<count {
        startThread {
            body(index)
            running.update { $0 -= 1 }
        }
    }
    let isOver: Void? = running.wait(.seconds(240)) { $0 == 0 ? () : nil }
    #expect(isOver != nil, "a thread did not come back")
}
