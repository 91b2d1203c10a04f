import Locks
import StreamLoop
import Synchronization

/// Calls the body with each of the items, on so many threads at a time; the calling one is among them.
/// - Returns: when all calls have returned.
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
        // Without a thread to be had, those that there are do its share.
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
