import EventStream
import Synchronization

@testable import StreamRuntime

/// The front door's side of one request: keeps what it was answered.
final class FakeDoor: OpenAnswering {
    private let state = Mutex<[OpenAnswer]>([])

    func answer(_ answer: OpenAnswer) { state.withLock { $0.append(answer) } }

    /// One word for each answer: "stream", "ended", "rejected 404 gone", "unavailable", "failed".
    var answers: [String] {
        state.withLock { $0 }.map { answer in
            switch answer {
            case .stream(let headers): (["stream"] + headers.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
            case .ended: "ended"
            case .rejected(let status, let message): "rejected \(status) \(message)"
            case .unavailable: "unavailable"
            case .failed: "failed"
            }
        }
    }
}

/// A connection that somebody else keeps: takes batches, and says when it wants the next.
final class FakeSink: FrameSink {
    private let state = Mutex(State())

    private struct State {
        var batches: [[UInt8]] = []
        var ends: [String] = []
    }

    var batches: [[UInt8]] { state.withLock { $0.batches } }
    var text: String { String(decoding: batches.joined(), as: UTF8.self) }
    /// "finish" and "abort", as they came.
    var ends: [String] { state.withLock { $0.ends } }

    func send(_ bytes: [UInt8]) { state.withLock { $0.batches.append(bytes) } }
    func finish() { state.withLock { $0.ends.append("finish") } }
    func abort() { state.withLock { $0.ends.append("abort") } }
}
