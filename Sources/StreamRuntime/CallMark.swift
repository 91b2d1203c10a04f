import ProducerInterface
import Synchronization

/// Which call of a producer a loop is in, if any. Written by the loop's thread, read by the one that watches it.
///
/// A call's beginning and its end each count on, so the count is odd while one runs. Whoever counts the end is the loop's thread from then
/// on: usually the one that has made the call; but if that takes too long, another one, and then the first has lost the loop.
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
        // Who reads one of these reads the end of the call before it, too.
        stream.store(token.raw, ordering: .releasing)
        self.function.store(function.rawValue, ordering: .releasing)
        let number = count.load(ordering: .relaxed) &+ 1
        count.store(number, ordering: .releasing)
        return number
    }

    /// The call has returned; or somebody takes the loop from it.
    /// - Returns: `false` if the other was first.
    func end(_ number: UInt64) -> Bool {
        count.compareExchange(expected: number, desired: number &+ 1, ordering: .acquiringAndReleasing).exchanged
    }

    /// The call that runs now.
    var running: Call? {
        let number = count.load(ordering: .acquiring)
        guard number & 1 == 1, let token = StreamToken(raw: stream.load(ordering: .acquiring)),
            let function = Function(rawValue: function.load(ordering: .acquiring)),
            // Otherwise the two may belong to another.
            count.load(ordering: .relaxed) == number
        else { return nil }
        return Call(number: number, stream: token, function: function)
    }
}
