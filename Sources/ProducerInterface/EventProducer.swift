package import EventStream

/// Something that yields events: the seam between those who run streams and those who know what a plugin is.
///
/// A stream's `open`, `pull` and `close` never overlap, and each sees what the one before wrote; they may come from different
/// threads.
package protocol EventProducer: AnyObject, Sendable {
    var description: ProducerDescription { get }

    /// Checks a request's values against the signature, before any code of the producer runs. Any thread.
    /// - Parameters:
    ///   - path: the values of the route's placeholders, percent-decoded.
    ///   - query: the query's fields, percent-decoded.
    func resolve(path: [StreamRequest.Field], query: [StreamRequest.Field]) throws(ParameterFault)
        -> any ResolvedParameters

    /// Starts a stream. After `.opened` (at once, or as the later answer to `.pending`) `close` must follow, once.
    /// - Parameter state: what all other calls of the stream are given; `.none` at first.
    func open(_ stream: StreamToken, _ request: StreamRequest, state: inout ProducerState) -> OpenOutcome

    /// Encodes the events that are there into `frames`, until one of them asks for a wait, or one of the limits is reached.
    /// - Parameters:
    ///   - events: at most so many; 1 for a producer that may block, so that what is there is sent before it blocks again.
    ///   - bytes: no further event is asked for once `frames` holds so many.
    ///
    /// What is emitted meanwhile is moved to `frames` by `StreamServices.takeEmitted`, before the event that is encoded next.
    func pull(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome

    /// What the stream of the next generation should know, between the last `pull` and `close`; `nil`: nothing.
    func save(_ stream: StreamToken, state: ProducerState) -> [UInt8]?

    /// The values that another generation of this producer has resolved, as this one understands them.
    /// - Returns: `nil` if its signature has no place for them, or asks for more.
    func adopt(_ parameters: any ResolvedParameters) -> (any ResolvedParameters)?

    /// Ends a stream.
    /// - Returns: `true` when it is over; `false` when `StreamServices.closed` will say so.
    func close(_ stream: StreamToken, state: ProducerState, reason: CloseReason) -> Bool

    /// `interrupt` does something.
    var hasInterrupt: Bool { get }

    /// Asks a blocking `pull` or a pending open to return soon. Any thread, also while `pull` runs, but not while `close` does. A
    /// refusal through `StreamServices.opened` waits until it has returned. It may wait, but not for long.
    func interrupt(_ stream: StreamToken, state: ProducerState)

    /// Makes a call that the producer has scheduled: where its stream lives.
    func perform(_ stream: StreamToken, _ call: ProducerCall)

    /// What became of the C functions that were made for it, all generations and streams. Any thread.
    var callbackCounts: CallbackCounts { get }

    /// The stream is over, or never opened, and its token stale: nothing more is kept for it. Once for each token.
    func forget(_ stream: StreamToken)
}

/// Since the process began.
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
