import ProducerInterface
import Synchronization

/// Which call of a producer a loop is in, if any. The loop's thread writes it, and the thread that watches the loop
/// reads it.
///
/// The beginning and the end of a call both increment the count, so it is odd while a call runs. The thread that counts
/// the end has the loop from then on. Usually it is the one that made the call. If the call takes too long, it is
/// another one, and the first has lost the loop.
final class CallMark: Sendable {
    enum Function: UInt8 {
        case open, next, save, schedule, close

        /// For the log.
        var name: String {
            switch self {
            case .open: "open"
            case .next: "next"
            case .save: "save"
            case .schedule: "schedule"
            case .close: "close"
            }
        }
    }

    struct Call {
        let number: UInt64
        let stream: StreamToken
        let function: Function
    }

    private let count = Atomic<UInt64>(0)
    private let stream = Atomic<UInt64>(0)
    private let function = Atomic<UInt8>(0)

    /// The loop's thread is about to call a producer.
    /// - Returns: the number of the call.
    func begin(_ token: StreamToken, _ function: Function) -> UInt64 {
        // A thread that reads one of these also reads the end of the previous call.
        stream.store(token.raw, ordering: .releasing)
        self.function.store(function.rawValue, ordering: .releasing)
        let number = count.load(ordering: .relaxed) &+ 1
        count.store(number, ordering: .releasing)
        return number
    }

    /// The call has returned, or another thread takes the loop from it.
    /// - Returns: `false` if the other one was first.
    func end(_ number: UInt64) -> Bool {
        count.compareExchange(expected: number, desired: number &+ 1, ordering: .acquiringAndReleasing).exchanged
    }

    /// The call that is running.
    var running: Call? {
        let number = count.load(ordering: .acquiring)
        guard number & 1 == 1, let token = StreamToken(raw: stream.load(ordering: .acquiring)),
            let function = Function(rawValue: function.load(ordering: .acquiring)),
            // Otherwise the two may belong to another call.
            count.load(ordering: .relaxed) == number
        else { return nil }
        return Call(number: number, stream: token, function: function)
    }
}
