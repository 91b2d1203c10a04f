import ForeignFunction
import ProducerInterface
import Synchronization

/// The C functions that were made for one stream; they live as long as the stream.
final class StreamClosures: Sendable {
    private enum Phase {
        case open
        /// `close` runs, or has answered SLUICE_CLOSING.
        case closing
        /// All functions are tombstones, and there will be no others.
        case over
    }

    private struct State {
        var phase = Phase.open
        var closures: [(Closure, ClosureFamily)] = []
    }

    private let state = Mutex(State())

    /// - Returns: `false` if the stream is over.
    private func add(_ closure: Closure, of family: ClosureFamily) -> Bool {
        state.withLock { state in
            guard state.phase != .over else { return false }
            state.closures.append((closure, family))
            return true
        }
    }

    private func beginClose() {
        state.withLock { if $0.phase == .open { $0.phase = .closing } }
    }

    private func retire(ifClosing: Bool) {
        let closures = state.withLock { state -> [(Closure, ClosureFamily)] in
            if ifClosing, state.phase == .open { return [] }
            state.phase = .over
            defer { state.closures = [] }
            return state.closures
        }
        for (closure, family) in closures { family.retire(closure) }
    }

    // MARK: - All streams

    private static let table = StreamMap<StreamClosures>()

    /// Gives a stream a new function, which lives as long as it does.
    /// - Returns: `nil` if the stream is over: then the function is already a tombstone.
    static func adopt(_ closure: Closure, of family: ClosureFamily, for stream: StreamToken) -> UnsafeRawPointer? {
        let closures = table.element(of: stream) { StreamClosures() }
        // Checked again after the entry was made: the stream may have ended just now, without seeing the entry.
        guard closures.add(closure, of: family), ConnectedRuntime.ask({ $0.isLive(stream) }) == true else {
            family.retire(closure)
            if ConnectedRuntime.ask({ $0.isLive(stream) }) != true { forget(stream) }
            return nil
        }
        return closure.code
    }

    /// The stream's `close` is about to be called.
    static func beginClose(of stream: StreamToken) { table[stream]?.beginClose() }

    /// The stream is over: its functions are tombstones when this returns. The entry stays until the runtime knows that
    /// the stream is over, so that no other entry is made.
    static func retire(_ stream: StreamToken) { table[stream]?.retire(ifClosing: false) }

    /// The same, if its `close` was called.
    static func retireIfClosing(_ stream: StreamToken) { table[stream]?.retire(ifClosing: true) }

    /// The runtime knows that the stream is over: no other function is made for it.
    static func forget(_ stream: StreamToken) { table.remove(stream)?.retire(ifClosing: false) }

    /// Whether anything is kept for a stream; for tests.
    static func knows(_ stream: StreamToken) -> Bool { table[stream] != nil }
}
