import EventStream

/// One stream that is to be continued by a stream of a newer generation, from the decision to its outcome. Both streams have it while
/// it lasts; it belongs to their loop.
final class Succession {
    /// The stream that serves until the other one is open, and goes on if it does not open.
    let old: StreamToken
    /// The producer of the new one.
    let target: ProducerEntry
    /// The stream that continues the old one, once its `open` was called.
    var new: StreamToken?
    /// When its open is given up. Monotonic nanoseconds.
    var deadline = Int64.max
    /// What the old stream said in `save`.
    var saved: [UInt8]?
    /// Which of its thread's rests the old stream was asked for; `nil` for one that can rest at any time.
    var rest: Int?

    init(of old: StreamToken, by target: ProducerEntry) {
        self.old = old
        self.target = target
    }
}

/// The failure of a stream on trial that another one, of the generation before, opens in place of.
final class FallingBack {
    /// What the subscriber is told if that one does not open.
    let failure: StreamFailure
    /// When its open is given up. Monotonic nanoseconds.
    var deadline: Int64

    init(_ failure: StreamFailure, deadline: Int64) {
        self.failure = failure
        self.deadline = deadline
    }
}

/// What a loop does for many streams one after the other, in portions, so that no event has to wait for all of it.
enum Chore {
    /// Continue it in the newest generation.
    case migrate
    /// End it.
    case end(CloseReason)
}

/// What a successor's open said; `nil`: it was not even called.
extension OpenOutcome? {
    /// For the log.
    var refusal: String {
        switch self {
        case .rejected(let status, let message, _)?: "rejected with \(status): \(message)"
        case .failed(let text)?: text
        case .ended?: "nothing more to send"
        case .opened?, .pending?, nil: "not opened"
        }
    }

    /// It counts against its generation. One that says no says so to a request, which a stranger can have made; one that breaks the contract
    /// has not done so before.
    var isFailure: Bool { if case .failed? = self { true } else { false } }
}
