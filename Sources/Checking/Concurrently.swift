import Locks
import StreamLoop
import Synchronization

/// Calls the body with each of the items on up to `threads` threads, one of which is the calling thread.
/// - Returns: after all calls have returned.
func concurrently<Item: Sendable>(_ items: [Item], threads: Int, _ body: @escaping @Sendable (Item) -> Void) {
    let line = WaitingLine(items)
    let work: @Sendable () -> Void = {
        while let item = line.next() { body(item) }
    }
    let done = Semaphore()
    var others = 0
    for _ in 1..<max(2, min(threads, items.count)) where items.count > 1 && threads > 1 {
        let isStarted = startThread(named: "sluice-scenario", stackBytes: 512 * 1024) {
            work()
            done.post()
        }
        // If a thread can't be started, the others do its work.
        if isStarted { others += 1 }
    }
    work()
    for _ in 0..<others { done.wait() }
}

private final class WaitingLine<Item: Sendable>: Sendable {
    private let items: Mutex<ArraySlice<Item>>

    init(_ items: [Item]) { self.items = Mutex(items[...]) }

    func next() -> Item? { items.withLock { $0.popFirst() } }
}
