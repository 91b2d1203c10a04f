import EventStream
import ProducerInterface
import StreamLoop

/// One thread of a loop, from the moment that it has the loop until it ends, as the loop's or as a stream's.
final class LoopSeat: @unchecked Sendable {
    // Unchecked: only touched by that thread, and by the one that follows it when a producer has ended it.
    /// The newest call of a producer that it made for the loop.
    var call: UInt64 = 0
    /// Since it has lost the loop, the stream that it belongs to.
    var stream: StreamThread?
}

/// Frames that a call has made which lost its loop, in the memory that it took with it.
final class EncodedFrames: @unchecked Sendable {
    // Unchecked: they go from one thread to the other.
    private let place: UnsafeMutablePointer<FrameBuffer>
    var frames: FrameBuffer { _read { yield place.pointee } }

    init(_ place: UnsafeMutablePointer<FrameBuffer>) { self.place = place }

    deinit {
        place.deinitialize(count: 1)
        place.deallocate()
    }
}

/// A plugin that calls pthread_exit(3) ends a thread of the server: another one takes its place, and the call counts as failed.
extension StreamThread.Beginning {
    /// - Parameters:
    ///   - function: that has ended the thread.
    ///   - phase: what its stream was in.
    static func behindDeath(
        in function: CallMark.Function, _ phase: StreamLife.Phase, _ state: ProducerState,
        _ reason: CloseReason
    ) -> StreamThread.Beginning {
        let text =
            "the contract of sluice.h was broken: \(function.name) has ended a thread of the server (pthread_exit)"
        return switch phase {
        // Whoever is to answer the open, or that the stream is closed, does so all the same.
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
