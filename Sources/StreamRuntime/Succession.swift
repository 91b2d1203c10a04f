import ProducerInterface
import SystemCalls

/// How a stream of a newer generation continues another stream, from the decision to the outcome: decides what is done
/// next. Both streams have the succession while it lasts; it belongs to their loop.
///
/// The old stream comes to rest: what it has produced is being sent, and its producer is not called any more. Its
/// successor opens with the request of the old stream, the last id that was produced, and the result of `save`. If it
/// opens, it gets the subscriber in the same turn, after everything that the old stream produced, and the old stream is
/// closed. If it does not, the old stream continues as if nothing had happened. Until then, whatever ends the stream
/// ends the old one, and the successor with it.
///
/// A stream on a thread rests between two calls of `next`, which can take long. There is no need to wait for that if
/// the stream has nothing to save and either the producer's own ids say exactly how far it came, or it has not produced
/// anything. Then its successor opens after the last id that has come from the thread. What the thread produces
/// meanwhile is held back. It is dropped if the successor opens, as that produces the same events again, and sent if it
/// does not.
final class Succession {
    /// The stream that serves until the other one is open, and continues if that does not open.
    let old: StreamToken
    /// The producer of the new stream.
    let target: ProducerEntry
    /// The stream that continues the old one, once its `open` is due.
    private(set) var new: StreamToken?
    /// When its `open` is given up.
    private(set) var deadline = MonotonicNanoseconds.max
    /// The result of `save` of the old stream.
    private(set) var saved: [UInt8]?
    /// Which rest the old stream's thread was asked for; `nil` for a stream that can rest at any time.
    private var rest: Int?

    init(of old: StreamToken, by target: ProducerEntry) {
        self.old = old
        self.target = target
    }

    /// What is known about the old stream.
    struct Old {
        var isThreaded = false
        var savesState = false
        /// What the successor is given says exactly how far the stream came, regardless of where it is in its `next`.
        var isPlaced = false
    }

    // MARK: The old stream comes to rest

    enum Resting: Equatable {
        /// Immediately, on the loop.
        case here
        /// On its thread, between two calls of `next`; `awaitsRest` follows.
        case onThread
    }

    func begins(_ old: Old) -> Resting {
        old.isThreaded && (old.savesState || !old.isPlaced) ? .onThread : .here
    }

    /// - Parameter number: the number of the rest that the old stream's thread was asked for.
    func awaitsRest(_ number: Int) { rest = number }

    /// Whether this is the rest that was asked for.
    func isAwaited(_ number: Int) -> Bool { rest == number }

    enum Rested: Equatable {
        /// It has just ended by itself: its thread will report that.
        case ended
        /// Its first event has just come, without an id: how far it came is known only when its thread rests. It
        /// continues until then.
        case restOnThread
        /// The producer is asked for its state with `save`, then the successor opens.
        case save
        case open
    }

    /// The old stream rests, and everything that it has produced has been taken.
    func rested(_ old: Old, hasEnded: Bool) -> Rested {
        if hasEnded { return .ended }
        if old.isThreaded { return rest == nil && !old.isPlaced ? .restOnThread : .open }
        return old.savesState ? .save : .open
    }

    // MARK: The new stream opens

    func opens(_ new: StreamToken, saved: [UInt8]?, deadline: MonotonicNanoseconds) {
        (self.new, self.saved, self.deadline) = (new, saved, deadline)
    }

    enum Answered: Equatable {
        /// The old stream continues, and stays.
        case keepOld
        /// The new stream gets the subscriber.
        case handOver
        /// The new stream has opened and is closed again: nothing waits for it any more, or its generation was rolled
        /// back, or the old stream has failed by its own policy. The old stream, if it still exists, continues.
        case close
        /// The new stream never opened, and nothing waits for it.
        case forget
    }

    /// The `open` of the new stream has answered.
    /// - Parameters:
    ///   - isOldThere: the old stream still waits for this one.
    ///   - isOldWanted: the old stream has not failed, and its generation is still replaced.
    ///   - isTold: the new stream was told to end.
    func answered(isOpened: Bool, isOldThere: Bool, isOldWanted: Bool, isTold: Bool) -> Answered {
        guard isOpened else { return isOldThere ? .keepOld : .forget }
        return isOldThere && isOldWanted && !isTold ? .handOver : .close
    }

    /// Its `open` takes too long: the outcome is no longer awaited.
    func isGivenUp() { deadline = .max }

    /// Why the new stream ends if the old one does. If the old one ended by itself, that does not apply to the new one.
    static func reason(forNewWhenOldEnds reason: CloseReason) -> CloseReason {
        reason == .completed || reason == .failed ? .disconnected : reason
    }
}

/// The failure of a stream on trial, while another stream, of the previous generation, opens in its place.
final class StandIn {
    /// What the subscriber is told if that stream does not open.
    let failure: StreamFailure
    /// When its `open` is given up.
    private(set) var deadline: MonotonicNanoseconds

    init(for failure: StreamFailure, deadline: MonotonicNanoseconds) {
        self.failure = failure
        self.deadline = deadline
    }

    func isGivenUp() { deadline = .max }
}

/// What the `open` of a successor answered; `nil`: it was not even called.
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

    /// Whether the answer counts against its generation. A refusal applies to one request, which may come from a
    /// stranger. One that breaks the contract had not done so before.
    var isFailure: Bool { if case .failed? = self { true } else { false } }
}
