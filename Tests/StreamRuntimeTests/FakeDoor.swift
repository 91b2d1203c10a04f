import ProducerInterface
import Synchronization

@testable import StreamRuntime

/// The front door's side of one request: records the answers.
final class FakeDoor: OpenAnswering {
    private let state = Mutex<[OpenAnswer]>([])

    func answer(_ answer: OpenAnswer) { state.withLock { $0.append(answer) } }

    /// One word for each answer: "stream", "ended", "rejected 404 gone", "unavailable", "failed".
    var answers: [String] {
        state.withLock { $0 }.map { answer in
            switch answer {
            case .stream(let headers): Self.text("stream", headers)
            case .ended(let headers): Self.text("ended", headers)
            case .rejected(let status, let message, let headers): Self.text("rejected \(status) \(message)", headers)
            case .unavailable: "unavailable"
            case .failed: "failed"
            }
        }
    }

    private static func text(_ answer: String, _ headers: [StreamRequest.Field]) -> String {
        ([answer] + headers.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
    }
}

/// A connection that is not the runtime's own: records batches, and reports when it wants the next.
final class FakeSink: FrameSink {
    let carrier: any FrameCarrier
    private let state = Mutex(State())

    private struct State {
        var batches: [SharedSlice] = []
        var ends: [String] = []
    }

    /// - Parameter carrier: that of other sinks, or its own.
    init(carrier: FakeCarrier = FakeCarrier()) { self.carrier = carrier }

    var batches: [[UInt8]] { shared.map { Array($0.bytes) } }
    /// The batches, in the memory in which they arrived.
    var shared: [SharedSlice] { state.withLock { $0.batches } }
    var text: String { String(decoding: batches.joined(), as: UTF8.self) }
    /// "finish" and "abort", in order.
    var ends: [String] { state.withLock { $0.ends } }

    fileprivate func take(_ batch: SharedSlice) { state.withLock { $0.batches.append(batch) } }
    func finish() { state.withLock { $0.ends.append("finish") } }
    func abort() { state.withLock { $0.ends.append("abort") } }
}

/// Carries batches to some sinks, and counts its messages.
final class FakeCarrier: FrameCarrier {
    private let count = Atomic<Int>(0)

    var messages: Int { count.load(ordering: .relaxed) }

    func carry(_ batch: SharedSlice, to sinks: [any FrameSink]) {
        count.add(1, ordering: .relaxed)
        for case let sink as FakeSink in sinks { sink.take(batch) }
    }
}
