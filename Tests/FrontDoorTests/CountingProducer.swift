import EventStream
import ProducerInterface
import Synchronization

/// Yields the numbers from 0, as fast as they are requested, and keeps a ledger.
final class CountingProducer: EventProducer {
    struct Ledger {
        var opens = 0
        var reasons: [CloseReason] = []
    }

    let description: ProducerDescription
    /// After this many events, the stream ends or waits forever.
    private let count: Int
    private let ends: Bool
    private let state = Mutex(Ledger())

    init(_ name: String, count: Int, ends: Bool) {
        description = ProducerDescription(plugin: "counting", name: name, route: "/\(name)")
        self.count = count
        self.ends = ends
    }

    var ledger: Ledger { state.withLock { $0 } }

    func resolve(
        path: [StreamRequest.Field], query: [StreamRequest.Field]
    ) throws(ParameterFault) -> any ResolvedParameters { FakeProducer.Parameters(canonical: "") }

    func open(_ stream: StreamToken, _ request: StreamRequest, state: inout ProducerState) -> OpenOutcome {
        let next = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        next.initialize(to: 0)
        state = ProducerState(word: UInt(bitPattern: next))
        self.state.withLock { $0.opens += 1 }
        return .opened(headers: [])
    }

    func pull(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome {
        guard let next = next(state) else { return .ended }
        var left = events
        while left > 0, frames.count < bytes {
            guard next.pointee < count else { return ends ? .ended : .wait(milliseconds: -1) }
            var frame = "data: \(next.pointee)\n\n"
            frame.withUTF8 { frames.append(frame: UnsafeRawBufferPointer($0)) }
            next.pointee += 1
            left -= 1
        }
        return .more
    }

    func close(_ stream: StreamToken, state: ProducerState, reason: CloseReason) -> Bool {
        next(state)?.deallocate()
        self.state.withLock { $0.reasons.append(reason) }
        return true
    }

    func interrupt(_ stream: StreamToken, state: ProducerState) {}

    /// The place where a stream keeps its next number.
    private func next(_ state: ProducerState) -> UnsafeMutablePointer<Int>? {
        UnsafeMutablePointer(bitPattern: state.word)
    }
}
