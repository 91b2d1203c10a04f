import EventStream
import ProducerInterface
import StreamLoop

/// One thread of a loop, from the moment it gets the loop until the thread ends, as the loop's or as a stream's.
final class LoopSeat: @unchecked Sendable {
    // Unchecked: only touched by that thread, and by its successor if a producer has ended it.
    /// The newest call of a producer that it made for the loop.
    var call: UInt64 = 0
    /// The stream that the thread belongs to since it has lost the loop.
    var stream: StreamThread?
}

/// The frames of a call that lost its loop, in the memory that it took with it.
final class EncodedFrames: @unchecked Sendable {
    // Unchecked: they are passed from one thread to the other.
    private let place: UnsafeMutablePointer<FrameBuffer>
    var frames: FrameBuffer { _read { yield place.pointee } }

    init(_ place: UnsafeMutablePointer<FrameBuffer>) { self.place = place }

    deinit {
        place.deinitialize(count: 1)
        place.deallocate()
    }
}

/// A plugin that calls pthread_exit(3) ends a thread of the server: another one takes its place, and the call counts as
/// failed.
extension StreamThread.Beginning {
    /// - Parameters:
    ///   - function: the function that has ended the thread.
    ///   - phase: the phase of its stream.
    static func behindDeath(
        in function: CallMark.Function, _ phase: StreamLife.Phase, _ state: ProducerState,
        _ reason: CloseReason
    ) -> StreamThread.Beginning {
        let text =
            "the contract of sluice.h was broken: \(function.name) has ended a thread of the server (pthread_exit)"
        return switch phase {
        // The answer to the open, or to the close, is given elsewhere and still arrives.
        case .opening where function == .schedule: .opened(.pending, state: state)
        case .closing where function == .schedule: .closing(isOver: false, reason)
        case .opening: .opened(.failed(log: text), state: state)
        case .open where function != .close:
            .pulled(.failed(StreamFailure(message: nil, log: text)), nil, state: state)
        case .closeDue: .running(state: state)
        case .open, .closing, .over: .closing(isOver: true, reason)
        }
    }
}
