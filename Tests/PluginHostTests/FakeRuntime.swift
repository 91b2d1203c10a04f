import EventStream
import Logging
import PluginHost
import ProducerInterface
import Synchronization

/// A runtime that only records. All plugins in the test process share it, and each test looks at its own streams.
final class FakeRuntime: StreamServices {
    /// Connected at its first use.
    static let shared: FakeRuntime = {
        let runtime = FakeRuntime()
        ConnectedRuntime.connect(runtime)
        return runtime
    }()

    struct Stream {
        let producer: any EventProducer
        /// Answers that are expected from outside.
        var isOpenPending = false
        var isClosing = false
        var isCancelled = false
        /// The result of `sleep`; `nil` for a stream on a loop.
        var sleepAnswer: Bool?
        var isQueueFull = false
        /// How events without space in the queue were handled.
        var overflows: [OverflowPolicy] = []

        var wakes = 0
        var emitted: [String] = []
        var openAnswers: [OpenOutcome] = []
        var closes = 0
        var scheduled: [Int64] = []
        var slept: [Int64] = []
    }

    private struct State {
        var streams: [StreamToken: Stream] = [:]
        var count: UInt32 = 0
    }

    private let state = Mutex(State())

    /// Begins a stream of a producer.
    func begin(_ producer: any EventProducer) -> StreamToken {
        state.withLock { state in
            state.count += 1
            let token = StreamToken(loop: 0, slot: state.count, epoch: 7)
            state.streams[token] = Stream(producer: producer)
            return token
        }
    }

    func end(_ stream: StreamToken) {
        state.withLock { $0.streams[stream] = nil }
    }

    func look(_ stream: StreamToken) -> Stream? {
        state.withLock { $0.streams[stream] }
    }

    func change(_ stream: StreamToken, _ body: (inout Stream) -> Void) {
        state.withLock { state in
            guard state.streams[stream] != nil else { return }
            body(&state.streams[stream]!)
        }
    }

    private func ask<Answer>(_ stream: StreamToken, _ body: (inout Stream) -> Answer) -> Answer? {
        state.withLock { state in
            guard state.streams[stream] != nil else { return nil }
            return body(&state.streams[stream]!)
        }
    }

    // MARK: - StreamServices

    func wake(_ stream: StreamToken) -> Bool {
        ask(stream) { $0.wakes += 1 } != nil
    }

    func emit(
        _ stream: StreamToken, whenFull policy: OverflowPolicy, _ encode: (inout FrameBuffer) -> Bool
    ) -> EmitOutcome {
        guard let copy = look(stream), !copy.isCancelled else { return .over }
        if copy.isQueueFull {
            change(stream) { $0.overflows.append(policy) }
            guard policy == .dropOldest else { return .full }
            change(stream) { $0.emitted.removeFirst() }
        }
        var frames = FrameBuffer(capacity: 64)
        guard encode(&frames) else { return .invalid }
        let text = String(decoding: frames.bytes, as: UTF8.self)
        guard ask(stream, { $0.emitted.append(text) }) != nil else { return .over }
        return copy.isQueueFull ? .displaced(1) : .accepted
    }

    func takeEmitted(_ stream: StreamToken, into frames: inout FrameBuffer) {}

    func sleep(_ stream: StreamToken, milliseconds: Int64) -> Bool? {
        ask(stream) { stream in
            stream.slept.append(milliseconds)
            return stream.sleepAnswer
        } ?? nil
    }

    func isCancelled(_ stream: StreamToken) -> Bool {
        ask(stream, \.isCancelled) ?? true
    }

    func isLive(_ stream: StreamToken) -> Bool {
        ask(stream) { _ in } != nil
    }

    func producer(of stream: StreamToken) -> (any EventProducer)? {
        ask(stream, \.producer)
    }

    func opened(_ stream: StreamToken, _ outcome: OpenOutcome) -> Bool {
        ask(stream) { stream in
            stream.openAnswers.append(outcome)
            defer { stream.isOpenPending = false }
            return stream.isOpenPending
        } ?? false
    }

    func closed(_ stream: StreamToken) -> Bool {
        ask(stream) { stream in
            stream.closes += 1
            defer { stream.isClosing = false }
            return stream.isClosing
        } ?? false
    }

    func schedule(
        _ stream: StreamToken, afterNanoseconds: Int64, _ call: ProducerCall
    ) -> ScheduleOutcome {
        ask(stream) { $0.scheduled.append(afterNanoseconds) } == nil ? .over : .accepted
    }
}

extension FakeRuntime {
    private func ask<Answer>(_ stream: StreamToken, _ path: KeyPath<Stream, Answer>) -> Answer? {
        ask(stream) { $0[keyPath: path] }
    }
}
