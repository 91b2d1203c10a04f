import EventStream
import Locks
import ProducerInterface
import StreamRuntime
import Synchronization

/// The one subscriber of `sluice run`: takes what a front door would, for one thread to wait for.
///
/// A batch is answered with `sinksDrained` by that thread once it is printed, so that a slow reader slows the stream.
final class PrintedStream: OpenAnswering, FrameSink, FrameCarrier {
    enum Happening: Sendable {
        case answered(OpenAnswer)
        case bytes([UInt8])
        /// Nothing follows; the stream came to an end.
        case finished
        /// Nothing follows; the connection was dropped.
        case aborted
        /// A signal that asks to end.
        case interrupted
    }

    private let happenings = Mutex<[Happening]>([])
    private let arrived = Semaphore()

    /// Waits for the next thing to happen.
    /// - Parameter seconds: for so long; `nil`: for as long as it takes.
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
