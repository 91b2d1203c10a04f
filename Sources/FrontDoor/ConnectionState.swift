import EventStream
import ProducerInterface

/// Where one connection stands: a pure state machine, without bytes and without I/O. Its methods report what has
/// happened; they move to the next phase, and return what has to be done.
struct ConnectionState {
    enum Phase: Equatable {
        /// Between two requests, or before the first.
        case idle
        /// Some bytes of a head have arrived.
        case head
        /// A head has arrived, but not all of its body.
        case body
        /// A page of the server is being made.
        case making
        /// A stream's `open` runs. There is no token before `StreamOpener.open` has returned.
        case opening(StreamToken?)
        /// The stream is open; the responses before it are still being sent.
        case flushing(StreamToken)
        /// The channel itself is the subscriber.
        case streaming(StreamToken)
        /// The channel was the subscriber, and the last of its frames are still being sent.
        case finishing
        /// The last response was written; the client has some time to end its side.
        case lingering
        case over
    }

    private(set) var phase = Phase.idle
    /// Input after a request for a stream was dropped: if the stream does not open, the connection cannot continue.
    private(set) var hasDroppedInput = false
    /// The client has ended its sending side (FIN), as far as is known.
    private(set) var isInputClosed = false
    /// How many streams were requested so far; also the number of the last one.
    private(set) var openCount = 0

    // MARK: Reading

    /// It is the client's turn: the connection can make room for a new one.
    var isWaiting: Bool {
        switch phase {
        case .idle, .head, .body, .lingering: true
        case .making, .opening, .flushing, .streaming, .finishing, .over: false
        }
    }

    /// What the next bytes belong to.
    enum Input: Equatable { case head, body, nothing }

    var input: Input {
        switch phase {
        case .idle, .head: .head
        case .body: .body
        case .making, .opening, .flushing, .streaming, .finishing, .lingering, .over: .nothing
        }
    }

    /// Whether to read from the socket. What a client sends while a stream is being opened stays in the kernel; and a
    /// client that does not read its responses gets no further ones.
    func wantsInput(isWritable: Bool) -> Bool {
        switch phase {
        case .idle, .head, .body: isWritable
        case .lingering: true
        case .making, .opening, .flushing, .streaming, .finishing, .over: false
        }
    }

    /// Bytes of a head have arrived.
    /// - Returns: whether they are the first.
    mutating func headBegan() -> Bool {
        guard phase == .idle else { return false }
        phase = .head
        return true
    }

    /// The head is complete.
    mutating func headEnded() { phase = .body }

    /// Input arrived that nothing reads.
    mutating func inputDropped() { hasDroppedInput = true }

    // MARK: Responding

    /// A page was asked for whose answer takes a while.
    mutating func makingBegan() { phase = .making }

    /// No request can follow the one that is being answered.
    var endsWithResponse: Bool { hasDroppedInput || isInputClosed }

    /// The response was written.
    /// - Parameter isLast: no request will be read after this one.
    mutating func responded(isLast: Bool) { phase = isLast ? .lingering : .idle }

    /// No response will follow those that were written.
    mutating func lingers() { phase = .lingering }

    /// No further requests are accepted.
    /// - Returns: whether the connection ends now; if not, it ends with its response.
    mutating func stopped() -> Bool {
        guard phase == .idle else { return false }
        phase = .lingering
        return true
    }

    // MARK: Streams

    /// A stream is requested.
    /// - Returns: the number that identifies its answer.
    mutating func openBegan() -> Int {
        openCount += 1
        phase = .opening(nil)
        return openCount
    }

    /// The stream that is being opened has a token.
    mutating func openAccepted(_ token: StreamToken) {
        if phase == .opening(nil) { phase = .opening(token) }
    }

    /// The stream that the answer to an open is about; `nil` if that answer is no longer awaited.
    func token(answeredBy number: Int) -> StreamToken? {
        guard number == openCount, case .opening(let token) = phase else { return nil }
        return token
    }

    /// Whether the answer to an open is still awaited.
    func awaitsAnswer(_ number: Int) -> Bool {
        guard number == openCount, case .opening = phase else { return false }
        return true
    }

    /// The stream is open, and gets the connection once everything that was written before is sent.
    mutating func flushBegan(_ token: StreamToken) { phase = .flushing(token) }

    /// The stream has the channel as its subscriber.
    mutating func streamBegan(_ token: StreamToken) { phase = .streaming(token) }

    /// The stream has the socket; this connection has nothing more to do.
    mutating func handedOver() { phase = .over }

    /// The stream could not get the connection: the request must be answered as if nothing had been opened.
    mutating func handOverFailed() { phase = .body }

    /// The channel's stream has ended.
    /// - Returns: whether its last frames must be sent.
    mutating func streamFinished() -> Bool {
        guard case .streaming = phase else { return false }
        phase = .finishing
        return true
    }

    /// The last frames were sent.
    /// - Returns: whether the connection ends now.
    mutating func finishSent() -> Bool {
        guard phase == .finishing else { return false }
        phase = .lingering
        return true
    }

    /// The channel's stream drops its connection.
    /// - Returns: whether it must be closed.
    mutating func streamAborted() -> Bool {
        guard case .streaming = phase else { return false }
        phase = .over
        return true
    }

    // MARK: Ends

    /// What must be reported to a stream when its connection is closed.
    enum Loss: Equatable {
        case nothing
        /// A stream was being opened: no answer is wanted, and it has lost its subscriber if it has a token.
        case opening(StreamToken?)
        /// An open stream has lost its subscriber before it got the connection.
        case waiting(StreamToken)
        /// A stream has lost the channel that carried it.
        case carried(StreamToken)
    }

    mutating func channelClosed() -> Loss {
        defer { phase = .over }
        return switch phase {
        case .opening(let token): .opening(token)
        case .flushing(let token): .waiting(token)
        case .streaming(let token): .carried(token)
        case .idle, .head, .body, .making, .finishing, .lingering, .over: .nothing
        }
    }

    /// What to do when the client ends its sending side. It may be gone, or may have ended only that side, as some
    /// proxies do after a request. Sending shows which: a client that is gone answers with a reset.
    enum HalfClosing: Equatable {
        /// What was written before will still be sent.
        case nothing
        /// No request will follow, and one that has begun will not be completed.
        case linger
        /// The client gets the answer to the open with this number, if it comes soon.
        case awaitAnswer(Int)
        /// What the stream sends next will show whether the client is gone.
        case tell(StreamToken)
    }

    mutating func inputClosed() -> HalfClosing {
        isInputClosed = true
        switch phase {
        case .idle, .head, .body, .lingering:
            phase = .lingering
            return .linger
        case .opening: return .awaitAnswer(openCount)
        case .streaming(let token): return .tell(token)
        case .making, .flushing, .finishing, .over: return .nothing
        }
    }

    /// What to do when a phase has used up its time.
    enum Lateness: Equatable {
        case nothing
        case refuseHead
        case refuseBody
        case close
        /// Nothing is sent while a stream opens, so the kernel must check that the peer is still there.
        case probePeer
    }

    var lateness: Lateness {
        switch phase {
        case .head: .refuseHead
        case .body: .refuseBody
        case .idle, .making, .flushing, .finishing, .lingering: .close
        case .opening: .probePeer
        case .streaming, .over: .nothing
        }
    }
}
