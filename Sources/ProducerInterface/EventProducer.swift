package import EventStream

/// Something that yields events: the boundary between the code that runs streams and the code that knows what a plugin
/// is.
///
/// A stream's `open`, `pull` and `close` never overlap, and each sees what the one before wrote; they can be called
/// from different threads.
package protocol EventProducer: AnyObject, Sendable {
    var description: ProducerDescription { get }

    /// Checks a request's values against the signature, before any code of the producer runs. Any thread.
    /// - Parameters:
    ///   - path: the values of the route's placeholders, percent-decoded.
    ///   - query: the query's fields, percent-decoded.
    func resolve(path: [StreamRequest.Field], query: [StreamRequest.Field]) throws(ParameterFault)
        -> any ResolvedParameters

    /// Starts a stream. After `.opened` (at once, or as the later answer to `.pending`), `close` must be called once.
    /// - Parameter state: passed to all other calls of the stream; `.none` at first.
    func open(_ stream: StreamToken, _ request: StreamRequest, state: inout ProducerState) -> OpenOutcome

    /// Encodes the events that are available into `frames`, until one of them asks for a wait, or a limit is reached.
    /// - Parameters:
    ///   - events: at most this many; 1 for a producer that may block, so that an event is sent before it blocks again.
    ///   - bytes: no further event is requested once `frames` holds this many.
    ///
    /// Events that are emitted meanwhile are moved to `frames` by `StreamServices.takeEmitted`, before the next event
    /// is encoded.
    func pull(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome

    /// What the stream of the next generation should know; `nil`: nothing. Called between the last `pull` and `close`.
    func save(_ stream: StreamToken, state: ProducerState) -> [UInt8]?

    /// Converts values that another generation of this producer has resolved to values of this generation.
    /// - Returns: `nil` if this generation's signature does not accept them, or requires more.
    func adopt(_ parameters: any ResolvedParameters) -> (any ResolvedParameters)?

    /// Ends a stream.
    /// - Returns: `true` if it is over; `false` if `StreamServices.closed` will report that.
    func close(_ stream: StreamToken, state: ProducerState, reason: CloseReason) -> Bool

    /// Whether `interrupt` does something.
    var hasInterrupt: Bool { get }

    /// Asks a blocking `pull` or a pending open to return soon. Can be called from any thread, also while `pull` runs,
    /// but not while `close` does. A refusal through `StreamServices.opened` waits until it has returned. It may wait,
    /// but not for long.
    func interrupt(_ stream: StreamToken, state: ProducerState)

    /// Makes a call that the producer has scheduled, on the stream's loop or thread.
    func perform(_ stream: StreamToken, _ call: ProducerCall)

    /// Figures of the C functions that were made for the producer, over all generations and streams. Any thread.
    var callbackCounts: CallbackCounts { get }

    /// The stream is over, or was never opened, and its token is stale: the producer keeps nothing more for it. Called
    /// once for each token.
    func forget(_ stream: StreamToken)
}

/// Counted since the process began.
package struct CallbackCounts: Sendable, Equatable {
    /// Calls of functions whose stream was over.
    package let late: Int
    /// Events that were not sent because a stream's queue was full.
    package let dropped: Int

    package init(late: Int = 0, dropped: Int = 0) {
        self.late = late
        self.dropped = dropped
    }
}

extension EventProducer {
    package func save(_ stream: StreamToken, state: ProducerState) -> [UInt8]? { nil }
    package func adopt(_ parameters: any ResolvedParameters) -> (any ResolvedParameters)? { parameters }
    package func perform(_ stream: StreamToken, _ call: ProducerCall) {
        preconditionFailure("a producer that schedules calls performs them")
    }
    package var callbackCounts: CallbackCounts { CallbackCounts() }
    package func forget(_ stream: StreamToken) {}
    package var hasInterrupt: Bool { true }
}
