import StreamLoop
import Synchronization

/// The generations whose `shutdown` has not returned, by name. Apart from who makes generations: these, and with them their streams,
/// keep this one, and must not keep that one.
final class LiveGenerations: Sendable {
    private let names = Mutex<Set<String>>([])
    private let ended = Condition()

    func begin(_ name: String) {
        names.withLock { _ = $0.insert(name) }
    }

    func end(_ name: String) {
        names.withLock { _ = $0.remove(name) }
        ended.withLock { ended.broadcast() }
    }

    /// Waits until there are none, or until the time.
    /// - Parameter deadline: monotonic nanoseconds.
    /// - Returns: those that there still are.
    func waitForEnd(until deadline: Int64) -> [String] {
        ended.withLock {
            while !names.withLock(\.isEmpty), monotonicNanoseconds() < deadline { ended.wait(until: deadline) }
        }
        return names.withLock { $0.sorted() }
    }
}
