import EventStream
import Synchronization

/// Something that some streams have, for a short part of their lives: a table with a lock for each part of it, so that streams
/// which open at the same time rarely wait for one another.
final class StreamTable<Element: Sendable>: Sendable {
    private final class Part: Sendable {
        let elements = Mutex<[StreamToken: Element]>([:])
    }

    private let parts = (0..<16).map { _ in Part() }

    subscript(stream: StreamToken) -> Element? {
        get { part(of: stream).elements.withLock { $0[stream] } }
        set { part(of: stream).elements.withLock { $0[stream] = newValue } }
    }

    /// What the stream has; if that is nothing, what is made for it now.
    func element(of stream: StreamToken, make: () -> Element) -> Element {
        part(of: stream).elements.withLock { elements in
            if let element = elements[stream] { return element }
            let element = make()
            elements[stream] = element
            return element
        }
    }

    /// - Returns: what the stream had.
    @discardableResult
    func remove(_ stream: StreamToken) -> Element? {
        part(of: stream).elements.withLock { $0.removeValue(forKey: stream) }
    }

    /// Removes what belongs to streams for which `isOver` says so. It is asked without a lock held.
    func sweep(_ isOver: (StreamToken) -> Bool) {
        for part in parts {
            for stream in part.elements.withLock({ Array($0.keys) }) where isOver(stream) {
                part.elements.withLock { $0[stream] = nil }
            }
        }
    }

    var count: Int {
        parts.reduce(0) { $0 + $1.elements.withLock(\.count) }
    }

    private func part(of stream: StreamToken) -> Part {
        // Slots are given out in order, so their low bits spread streams evenly.
        parts[Int(truncatingIfNeeded: stream.slot & 15)]
    }
}

/// What streams hold only now and then, so that an idle one costs nothing here.
enum StreamTables {
    /// From the call of `open` to its answer.
    static let opening = StreamTable<OpeningStream>()
    /// While `save` runs: what was handed to `host->save` so far, if anything.
    static let saving = StreamTable<[UInt8]?>()
    /// From `host->fail` to the error, or the close.
    static let failure = StreamTable<String>()

    /// Keeps what a live stream says through `host->fail`.
    static func keepFailure(_ text: String, of stream: StreamToken) {
        failure[stream] = text
        // Said by another thread just when the stream ends, it may come after all that would remove it. Such leftovers are
        // rare, and few: they are looked for each time that the table has doubled.
        guard failure.count >= sweepCount.load(ordering: .relaxed) else { return }
        failure.sweep { token in ConnectedRuntime.ask { !$0.isLive(token) } ?? true }
        sweepCount.store(max(sweepCountMin, 2 * failure.count), ordering: .relaxed)
    }

    static let sweepCountMin = 64
    private static let sweepCount = Atomic(sweepCountMin)
}
