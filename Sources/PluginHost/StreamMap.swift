import ProducerInterface
import Synchronization

/// Something that some streams have, for a short part of their lives: a map with a lock for each part of it, so that
/// streams that open at the same time rarely wait for one another.
final class StreamMap<Element: Sendable>: Sendable {
    private final class Part: Sendable {
        let elements = Mutex<[StreamToken: Element]>([:])
    }

    private let parts = (0..<16).map { _ in Part() }

    subscript(stream: StreamToken) -> Element? {
        get { part(of: stream).elements.withLock { $0[stream] } }
        set { part(of: stream).elements.withLock { $0[stream] = newValue } }
    }

    /// The stream's element; if there is none, one is made.
    func element(of stream: StreamToken, make: () -> Element) -> Element {
        part(of: stream).elements.withLock { elements in
            if let element = elements[stream] { return element }
            let element = make()
            elements[stream] = element
            return element
        }
    }

    /// - Returns: the element that was removed.
    @discardableResult
    func remove(_ stream: StreamToken) -> Element? {
        part(of: stream).elements.withLock { $0.removeValue(forKey: stream) }
    }

    /// Replaces the stream's element.
    /// - Returns: `false` if there is none: then nothing is stored.
    func replace(_ stream: StreamToken, with element: Element) -> Bool {
        part(of: stream).elements.withLock { elements in
            guard elements[stream] != nil else { return false }
            elements.updateValue(element, forKey: stream)
            return true
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

/// What streams have only now and then, so that an idle one costs nothing here.
enum StreamMaps {
    /// From the call of `open` to its answer.
    static let opening = StreamMap<OpeningStream>()
    /// While `save` runs: what was passed to `host->save` so far, if anything.
    static let saving = StreamMap<[UInt8]?>()
    /// From `host->fail` to the error, or the close.
    static let failure = StreamMap<String>()

    /// Keeps what a live stream has passed to `host->fail`.
    static func keepFailure(_ text: String, of stream: StreamToken) {
        failure[stream] = text
        // Checked again after the entry was made: the stream may have ended just now, and been forgotten without it.
        if ConnectedRuntime.ask({ $0.isLive(stream) }) != true { failure.remove(stream) }
    }
}
