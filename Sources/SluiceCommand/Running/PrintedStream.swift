import EventStream
import Locks
import ProducerInterface
import StreamRuntime
import Synchronization

/// The subscriber of `sluice run`. It receives what the front door would, for one thread that waits for it.
///
/// That thread confirms each batch with `sinksDrained` after printing it, so a slow reader slows down the stream.
final class PrintedStream: OpenAnswering, FrameSink, FrameCarrier {
    enum Happening: Sendable {
        case answered(OpenAnswer)
        case bytes([UInt8])
        /// The stream has ended; nothing follows.
        case finished
        /// The connection was dropped; nothing follows.
        case aborted
        /// A signal asks to end the stream.
        case interrupted
    }

    private let happenings = Mutex<[Happening]>([])
    private let arrived = Semaphore()

    /// Waits for the next happening.
    /// - Parameter seconds: how long to wait; `nil`: without a limit.
    func next(within seconds: Int?) -> Happening? {
        if let seconds {
            guard arrived.wait(seconds: seconds) else { return nil }
        } else {
            arrived.wait()
        }
        return happenings.withLock { $0.removeFirst() }
    }

    func post(_ happening: Happening) {
        happenings.withLock { $0.append(happening) }
        arrived.post()
    }

    func answer(_ answer: OpenAnswer) { post(.answered(answer)) }
    var carrier: any FrameCarrier { self }
    func carry(_ batch: SharedSlice, to sinks: [any FrameSink]) { post(.bytes(Array(batch.bytes))) }
    func finish() { post(.finished) }
    func abort() { post(.aborted) }
}
