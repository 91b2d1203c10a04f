import ProducerInterface

/// The life of one stream at its producer, from before `open` to behind `close`: what is to be called, and what was.
///
/// Exactly once is kept here: `close` follows an `open` that has answered OK, because the phase leaves `.open`, and never else. The loop
/// calls it at the end of a turn, or the stream's thread does; the phase tells whether that was done already.
struct StreamLife {
    enum Phase: UInt8 {
        /// `open` was not called yet, or has not answered.
        case opening
        case open
        /// `close` is to be called at the end of this turn, or of a later one.
        case closeDue
        /// `close` was called, or its thread was told to.
        case closing
        /// Closed, or never opened.
        case over
    }

    /// What follows when a stream is to end.
    enum Ending {
        /// It ends already, or was never open.
        case none
        /// The loop calls `close` at the end of its turn.
        case callClose
        /// Its thread is told to, and does.
        case tellThread
    }

    private(set) var phase = Phase.over
    /// Why it ends; of one that opens, why its open is to hurry.
    private(set) var reason: CloseReason?

    /// A row is taken for it.
    /// - Parameter reason: it is to end before it has begun.
    mutating func begin(_ reason: CloseReason? = nil) {
        precondition(phase == .over, "a stream begins in a row that nobody has")
        (phase, self.reason) = (.opening, reason)
    }

    /// Its open is to hurry, and the stream to end as soon as that has answered.
    /// - Returns: `false` if it was told before, or its open has answered.
    mutating func hurry(_ reason: CloseReason) -> Bool {
        guard phase == .opening, self.reason == nil else { return false }
        self.reason = reason
        return true
    }

    /// `open` has answered OK.
    mutating func opened() {
        precondition(phase == .opening, "an open answers once")
        phase = .open
    }

    /// It has never opened: there is nothing to close.
    mutating func neverOpened() {
        precondition(phase == .opening, "what was opened is closed")
        phase = .over
    }

    /// It is to end.
    mutating func end(_ reason: CloseReason, isThreaded: Bool) -> Ending {
        guard phase == .open else { return .none }
        self.reason = reason
        phase = isThreaded ? .closing : .closeDue
        return isThreaded ? .tellThread : .callClose
    }

    /// Its thread has seen the end, and closes it by itself.
    /// - Returns: `false` if it ends already.
    mutating func threadCloses(_ reason: CloseReason) -> Bool {
        guard phase == .open else { return false }
        (phase, self.reason) = (.closing, reason)
        return true
    }

    /// The loop is about to call `close`.
    mutating func callsClose() {
        precondition(phase == .closeDue, "close is called once")
        phase = .closing
    }

    /// A thread has the stream from now on; whatever is due is that thread's.
    mutating func movesToThread() { if phase == .closeDue { phase = .closing } }

    /// `close` is complete.
    /// - Parameter told: what `close` was told by its thread, which is the true reason even if the loop has learnt of another since.
    /// - Returns: the reason; `nil` if none was called.
    mutating func closed(told: CloseReason? = nil) -> CloseReason? {
        if let told { reason = told }
        guard phase == .closing else { return nil }
        phase = .over
        return reason
    }
}
