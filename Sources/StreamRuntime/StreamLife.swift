import ProducerInterface

/// The life of one stream at its producer, from before `open` to after `close`: what must be called, and what was
/// called.
///
/// "Exactly once" is guaranteed here: `close` follows an `open` that has answered OK, because the phase then leaves
/// `.open`, and is never called otherwise. The loop calls it at the end of a turn, or the stream's thread does; the
/// phase shows whether that has been done.
struct StreamLife {
    enum Phase: UInt8 {
        /// `open` has not been called yet, or has not answered.
        case opening
        case open
        /// `close` will be called at the end of this turn or of a later one.
        case closeDue
        /// `close` was called, or its thread was told to call it.
        case closing
        /// Closed, or never opened.
        case over
    }

    /// What follows when a stream must end.
    enum Ending {
        /// The stream is already ending, or was never open.
        case none
        /// The loop calls `close` at the end of its turn.
        case callClose
        /// Its thread is told to call `close`.
        case tellThread
    }

    private(set) var phase = Phase.over
    /// Why it ends. While the stream opens: why `open` must hurry.
    private(set) var reason: CloseReason?

    /// A row was taken for the stream.
    /// - Parameter reason: given if the stream must end before it has begun.
    mutating func begin(_ reason: CloseReason? = nil) {
        precondition(phase == .over, "a stream begins in a row that nobody has")
        (phase, self.reason) = (.opening, reason)
    }

    /// The `open` must hurry, and the stream must end as soon as that has answered.
    /// - Returns: `false` if this was requested before, or `open` has answered.
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

    /// The stream was never open: there is nothing to close.
    mutating func neverOpened() {
        precondition(phase == .opening, "what was opened is closed")
        phase = .over
    }

    /// The stream must end.
    mutating func end(_ reason: CloseReason, isThreaded: Bool) -> Ending {
        guard phase == .open else { return .none }
        self.reason = reason
        phase = isThreaded ? .closing : .closeDue
        return isThreaded ? .tellThread : .callClose
    }

    /// Its thread has seen the end, and closes the stream by itself.
    /// - Returns: `false` if the stream is already ending.
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

    /// From now on, the stream is on a thread, which does what is due.
    mutating func movesToThread() { if phase == .closeDue { phase = .closing } }

    /// `close` is complete.
    /// - Parameter told: the reason that its thread gave to `close`. It is the real one even if the loop has learned of
    ///   another since.
    /// - Returns: the reason; `nil` if `close` was not called.
    mutating func closed(told: CloseReason? = nil) -> CloseReason? {
        if let told { reason = told }
        guard phase == .closing else { return nil }
        phase = .over
        return reason
    }
}
