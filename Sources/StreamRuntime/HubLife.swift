import ProducerInterface
import SystemCalls

/// The life of a hub, as its home loop decides it: when its stream opens, and when it closes for lack of subscribers.
struct HubLife {
    enum Phase {
        /// It has no stream: it has not opened yet, or closed after the linger time.
        case idle
        case opening
        case open
        case closing
        /// The stream ended: newcomers find another hub under the key.
        case over
    }

    private(set) var phase = Phase.idle
    /// When the stream closes unless a subscriber joins; `Int64.max`: it has subscribers.
    private(set) var lingerUntil = MonotonicNanoseconds.max
    /// The producer has refused to open after the id that it was given: it is now asked without one.
    private(set) var isIDRefused = false
    /// Set while a stream of the previous generation opens in place of one that failed on trial: how the hub ends if
    /// that does not open.
    private(set) var endingInstead: HubEnding?

    // MARK: Opening

    enum Requested {
        /// The history is here.
        case answer
        /// The stream is about to open.
        case wait
        /// The stream must be opened; the answer follows.
        case open
        /// The hub is over; another one can be asked.
        case refuse
    }

    /// A loop has subscribers, and needs the history.
    mutating func requested() -> Requested {
        lingerUntil = .max
        return switch phase {
        case .open: .answer
        case .opening, .closing: .wait
        case .idle: .open
        case .over: .refuse
        }
    }

    /// The stream is about to open.
    mutating func opens() {
        precondition(phase == .idle || phase == .open, "a hub that is over opens no stream")
        phase = .opening
    }

    /// Its `open` has answered OK.
    /// - Returns: whether it has opened in place of one that failed.
    mutating func hasOpened() -> Bool {
        defer { endingInstead = nil }
        (phase, isIDRefused) = (.open, false)
        return endingInstead != nil
    }

    /// Another stream opens in place of the one that has failed.
    /// - Parameter ending: how the hub ends if that does not open.
    mutating func fallsBack(orEnds ending: HubEnding) { endingInstead = ending }

    /// What follows an `open` that was not OK.
    enum Refused: Equatable {
        /// Waiting subscribers get its answer.
        case answer
        /// Waiting subscribers get its answer, and the hub ends for all others.
        case end(HubEnding)
        /// The producer did not want the id of one of the subscribers: `open` is called once more, without an id. A
        /// subscriber that comes with that id gets a gap notice.
        case openWithoutID
        /// A stream of the previous generation opens instead.
        case fallBack
    }

    /// Its `open` has not answered OK, or was not called.
    /// - Parameters:
    ///   - canFallBack: it has failed, and there is a generation to fall back to.
    ///   - isIDInDoubt: it was rejected after it had been given an id, and subscribers are waiting.
    mutating func refused(canFallBack: Bool, isIDInDoubt: Bool) -> Refused {
        phase = .idle
        if let ending = endingInstead {
            endingInstead = nil
            return .end(ending)
        }
        if canFallBack { return .fallBack }
        if isIDInDoubt, !isIDRefused {
            isIDRefused = true
            return .openWithoutID
        }
        isIDRefused = false
        return .answer
    }

    // MARK: Closing

    enum Unused {
        case nothing
        /// The stream lingers: its timer must be set again.
        case linger
        /// There is nothing to close: the hub is not needed.
        case forget
    }

    /// The last user has left.
    /// - Parameters:
    ///   - end: when the linger time ends.
    mutating func unused(lingeringUntil end: MonotonicNanoseconds) -> Unused {
        switch phase {
        case .open:
            lingerUntil = end
            return .linger
        case .idle, .over: return .forget
        case .opening, .closing: return .nothing
        }
    }

    /// - Returns: whether the linger time is over; `true` only once.
    mutating func hasLingered(at now: MonotonicNanoseconds) -> Bool {
        guard phase == .open, now >= lingerUntil else { return false }
        lingerUntil = .max
        return true
    }

    /// The stream closes because the hub has no users; the history stays.
    mutating func closes() { phase = .closing }

    /// The stream is closed.
    /// - Returns: whether it closed for lack of users: then it is opened again if a subscriber has joined since.
    mutating func hasClosed() -> Bool {
        guard phase == .closing else { return false }
        phase = .idle
        return true
    }

    /// The hub ends: newcomers no longer find it.
    mutating func end() { phase = .over }
}

/// How a hub's stream ended: what each subscriber is told once it has everything before the end.
enum HubEnding: Equatable {
    case completed
    case failed(String)
    /// Ended from outside: the subscriber should reconnect.
    case farewell(CloseReason)

    var reason: CloseReason {
        switch self {
        case .completed: .completed
        case .failed: .failed
        case .farewell(let reason): reason
        }
    }
}
