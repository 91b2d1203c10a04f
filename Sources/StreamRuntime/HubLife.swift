import ProducerInterface
import SystemCalls

/// The life of a hub, as its home loop decides on it: when its stream is opened, and when that is closed again for want of subscribers.
struct HubLife {
    enum Phase {
        /// No stream: not opened yet, or closed after its linger time.
        case idle
        case opening
        case open
        case closing
        /// Its stream ended: newcomers find another hub under the key.
        case over
    }

    private(set) var phase = Phase.idle
    /// When the stream closes unless somebody comes; `Int64.max`: somebody is there.
    private(set) var lingerUntil = MonotonicNanoseconds.max
    /// The producer has refused to open behind the id that it was given: now it opens without.
    private(set) var isIDRefused = false
    /// The stream has failed on trial, and one of the generation before opens in its place: how the hub ends if that does not.
    private(set) var endingInstead: HubEnding?

    // MARK: Opening

    enum Requested {
        /// The history is there.
        case answer
        /// The stream is about to open.
        case wait
        /// It is to be opened, and then answered.
        case open
        /// Another hub may be asked.
        case refuse
    }

    /// A loop has subscribers, and wants the history.
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
    /// - Parameter ending: of the hub, if that does not open.
    mutating func fallsBack(orEnds ending: HubEnding) { endingInstead = ending }

    /// What follows an `open` that was not OK.
    enum Refused: Equatable {
        /// Those who wait are told what it said.
        case answer
        /// They are told that, and the hub ends for all others.
        case end(HubEnding)
        /// It was the id of one of them that the producer did not want: it is asked once more, without. Whoever comes with that id is told
        /// of a gap.
        case openWithoutID
        /// One of the generation before opens in its place.
        case fallBack
    }

    /// Its `open` has not answered OK, or was not called.
    /// - Parameters:
    ///   - canFallBack: it has failed, and there is a generation to fall back to.
    ///   - isIDInDoubt: it was rejected, had been given an id, and somebody waits.
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
        /// The stream's timer is to be set anew: it lingers.
        case linger
        /// There is nothing to be closed: the hub is not needed.
        case forget
    }

    /// The last user has left.
    /// - Parameters:
    ///   - end: of the linger time.
    mutating func unused(lingeringUntil end: MonotonicNanoseconds) -> Unused {
        switch phase {
        case .open:
            lingerUntil = end
            return .linger
        case .idle, .over: return .forget
        case .opening, .closing: return .nothing
        }
    }

    /// - Returns: whether the linger time is over, which it is once.
    mutating func hasLingered(at now: MonotonicNanoseconds) -> Bool {
        guard phase == .open, now >= lingerUntil else { return false }
        lingerUntil = .max
        return true
    }

    /// The stream closes as nobody uses it; the history stays.
    mutating func closes() { phase = .closing }

    /// The stream is closed.
    /// - Returns: whether that was for want of users: then it opens anew if somebody has come since.
    mutating func hasClosed() -> Bool {
        guard phase == .closing else { return false }
        phase = .idle
        return true
    }

    /// The hub ends: no newcomer finds it.
    mutating func end() { phase = .over }
}

/// How a hub's stream ended, once it has: what each subscriber is told when it has all that came before.
enum HubEnding: Equatable {
    case completed
    case failed(String)
    /// Ended from outside: come back.
    case farewell(CloseReason)

    var reason: CloseReason {
        switch self {
        case .completed: .completed
        case .failed: .failed
        case .farewell(let reason): reason
        }
    }
}
