import EventStream
import ProducerInterface
import Synchronization

/// The queue of one stream, with a lock like the runtime's; emptied when it holds as much as one `send` takes.
final class Queue: StreamServices {
    private final class Frames: @unchecked Sendable {
        // Unchecked: only used with the lock held.
        var buffer = FrameBuffer(capacity: 128 * 1024)
    }

    private let frames = Mutex(Frames())

    func emit(
        _ stream: StreamToken, whenFull policy: OverflowPolicy, _ encode: (inout FrameBuffer) -> Bool
    ) -> EmitOutcome {
        frames.withLock { frames in
            if frames.buffer.count > 64 * 1024 { frames.buffer.removeAll() }
            return encode(&frames.buffer) ? .accepted : .invalid
        }
    }

    func wake(_ stream: StreamToken) -> Bool { true }
    func sleep(_ stream: StreamToken, milliseconds: Int64) -> Bool? { nil }
    func isCancelled(_ stream: StreamToken) -> Bool { false }
    func takeEmitted(_ stream: StreamToken, into frames: inout FrameBuffer) {}
    func isLive(_ stream: StreamToken) -> Bool { true }
    func producer(of stream: StreamToken) -> (any EventProducer)? { nil }
    func opened(_ stream: StreamToken, _ outcome: OpenOutcome) -> Bool { false }
    func closed(_ stream: StreamToken) -> Bool { false }
    func schedule(
        _ stream: StreamToken, afterNanoseconds: Int64, _ call: ProducerCall
    ) -> ScheduleOutcome { .over }
}
