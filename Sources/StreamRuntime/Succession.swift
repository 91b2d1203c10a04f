import ProducerInterface
import SystemCalls

/// How one stream is continued by a stream of a newer generation, from the decision to its outcome: what is done next. Both streams have it
/// while it lasts; it belongs to their loop.
///
/// The old stream comes to rest: what it has produced is on its way, and nothing more is asked of it. Its successor opens, with the
/// request of the old one, the last id that was produced, and what `save` said. If it opens, it gets the subscriber in the same turn,
/// behind everything that the old one produced, and that one is closed. If it does not, the old one goes on as if nothing had been.
/// Until then each end that a stream can have is the old stream's, and takes the successor with it.
///
/// A stream on a thread rests between two calls of `next`, which may take long. Where the producer's own ids say exactly how far it came,
/// or it has not produced anything, and it has nothing to save, nobody waits for that: its successor opens behind the last id that has
/// come from the thread, and what the thread produces meanwhile is kept back: dropped when the successor, which makes the same events
/// again, has opened; sent if it has not.
final class Succession {
    /// The stream that serves until the other one is open, and goes on if it does not open.
    let old: StreamToken
    /// The producer of the new one.
    let target: ProducerEntry
    /// The stream that continues the old one, once its `open` is due.
    private(set) var new: StreamToken?
    /// When its open is given up.
    private(set) var deadline = MonotonicNanoseconds.max
    /// What the old stream said in `save`.
    private(set) var saved: [UInt8]?
    /// Which of its thread's rests the old stream was asked for; `nil` for one that can rest at any time.
    private var rest: Int?

    init(of old: StreamToken, by target: ProducerEntry) {
        self.old = old
        self.target = target
    }

    /// What is known of the old stream.
    struct Old {
        var isThreaded = false
        var savesState = false
        /// What a successor is told says exactly how far the stream came, wherever it is in its `next`.
        var isPlaced = false
    }

    // MARK: The old stream comes to rest

    enum Resting: Equatable {
        /// At once, and here.
        case here
        /// Its thread is asked to, between two calls of `next`; `awaitsRest` follows.
        case onThread
    }

    func begins(_ old: Old) -> Resting {
        old.isThreaded && (old.savesState || !old.isPlaced) ? .onThread : .here
    }

    /// - Parameter number: of the rest that the old stream's thread was asked for.
    func awaitsRest(_ number: Int) { rest = number }

    /// Whether this is the rest that was asked for.
    func isAwaited(_ number: Int) -> Bool { rest == number }

    enum Rested: Equatable {
        /// It ended by itself, a moment ago: its thread will say so.
        case ended
        /// Its first event, just now, had no id: how far it comes is known only when its thread rests. It goes on until then.
        case restOnThread
        /// It is asked what it hands over, and then its successor opens.
        case save
        case open
    }

    /// It rests, and all that it has produced is taken.
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
        /// The old stream goes on, and stays.
        case keepOld
        /// It gets the subscriber.
        case handOver
        /// It is open, and closed again: nobody waits for it any more, or its generation was taken back, or the old one has failed by
        /// its own rule. The old stream, if it is there, goes on.
        case close
        /// It never opened, and nobody waits for it.
        case forget
    }

    /// The new stream's open has answered.
    /// - Parameters:
    ///   - isOldThere: the old stream still waits for this one.
    ///   - isOldWanted: it has not failed, and its generation is still replaced.
    ///   - isTold: the new one was told to end.
    func answered(isOpened: Bool, isOldThere: Bool, isOldWanted: Bool, isTold: Bool) -> Answered {
        guard isOpened else { return isOldThere ? .keepOld : .forget }
        return isOldThere && isOldWanted && !isTold ? .handOver : .close
    }

    /// Its open takes too long; whatever comes of it is not awaited again.
    func isGivenUp() { deadline = .max }

    /// Why the new stream ends if the old one does: how that ended by itself is not how this one does.
    static func reason(forNewWhenOldEnds reason: CloseReason) -> CloseReason {
        reason == .completed || reason == .failed ? .disconnected : reason
    }
}

/// The failure of a stream on trial that another one, of the generation before, opens in place of.
final class StandIn {
    /// What the subscriber is told if that one does not open.
    let failure: StreamFailure
    /// When its open is given up.
    private(set) var deadline: MonotonicNanoseconds

    init(for failure: StreamFailure, deadline: MonotonicNanoseconds) {
        self.failure = failure
        self.deadline = deadline
    }

    func isGivenUp() { deadline = .max }
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
