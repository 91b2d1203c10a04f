/// What a producer says about itself.
package struct ProducerDescription: Sendable {
    package let plugin: String
    package let name: String
    /// "/ticker/{symbol}".
    package let route: String
    package let summary: String
    /// The signature of its parameters as written, for people.
    package let parameters: String
    /// Runs on its stream's loop; otherwise each stream has a thread.
    package let isNonblocking: Bool
    package let isShared: Bool
    package let isResumable: Bool
    package let acceptsBody: Bool
    /// `false` for a producer that only emits.
    package let hasNext: Bool
    /// `save` has something to say.
    package let savesState: Bool

    package init(
        plugin: String, name: String, route: String, summary: String = "", parameters: String = "",
        isNonblocking: Bool = true,
        isShared: Bool = false, isResumable: Bool = false, acceptsBody: Bool = false, hasNext: Bool = true,
        savesState: Bool = false
    ) {
        self.plugin = plugin
        self.name = name
        self.route = route
        self.summary = summary
        self.parameters = parameters
        self.isNonblocking = isNonblocking
        self.isShared = isShared
        self.isResumable = isResumable
        self.acceptsBody = acceptsBody
        self.hasNext = hasNext
        self.savesState = savesState
    }
}

/// Something that yields events: the seam between those who run streams and those who know what a plugin is.
///
/// A stream's `open`, `pull` and `close` never overlap, and each sees what the one before wrote; they may come from different
/// threads. The state is the producer's own; nobody else looks into it.
package protocol EventProducer: AnyObject, Sendable {
    var description: ProducerDescription { get }

    /// Checks a request's values against the signature, before any code of the producer runs. Any thread.
    /// - Parameters:
    ///   - path: the values of the route's placeholders, percent-decoded.
    ///   - query: the query's fields, percent-decoded.
    func resolve(path: [StreamRequest.Field], query: [StreamRequest.Field]) throws(ParameterFault)
        -> any ResolvedParameters

    /// Starts a stream. After `.opened` (at once, or as the later answer to `.pending`) `close` must follow, once.
    func open(_ stream: StreamToken, _ request: StreamRequest, state: inout UnsafeMutableRawPointer?) -> OpenOutcome

    /// Encodes the events that are there into `frames`, until one of them asks for a wait, or one of the limits is reached.
    /// - Parameters:
    ///   - events: at most so many; 1 for a producer that may block, so that what is there is sent before it blocks again.
    ///   - bytes: no further event is asked for once `frames` holds so many.
    ///
    /// What is emitted meanwhile is moved to `frames` by `StreamServices.takeEmitted`, before the event that is encoded next.
    func pull(
        _ stream: StreamToken, state: UnsafeMutableRawPointer?, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome

    /// What the stream of the next generation should know, between the last `pull` and `close`; `nil`: nothing.
    func save(_ stream: StreamToken, state: UnsafeMutableRawPointer?) -> [UInt8]?

    /// The values that another generation of this producer has resolved, as this one understands them.
    /// - Returns: `nil` if its signature has no place for them, or asks for more.
    func adopt(_ parameters: any ResolvedParameters) -> (any ResolvedParameters)?

    /// Ends a stream.
    /// - Returns: `true` when it is over; `false` when `StreamServices.closed` will say so.
    func close(_ stream: StreamToken, state: UnsafeMutableRawPointer?, reason: CloseReason) -> Bool

    /// `interrupt` does something.
    var hasInterrupt: Bool { get }

    /// Asks a blocking `pull` or a pending open to return soon. Any thread, also while `pull` runs, but not while `close` does. A
    /// refusal through `StreamServices.opened` waits until it has returned. It may wait, but not for long.
    func interrupt(_ stream: StreamToken, state: UnsafeMutableRawPointer?)

    /// Calls a function that the producer wants to be called where its stream lives.
    func perform(
        _ stream: StreamToken, _ function: @convention(c) (UnsafeMutableRawPointer?) -> Void,
        _ context: UnsafeMutableRawPointer?)

    /// The stream is over, or never opened, and its token stale: nothing more is kept for it. Once for each token.
    func forget(_ stream: StreamToken)
}

extension EventProducer {
    package func save(_ stream: StreamToken, state: UnsafeMutableRawPointer?) -> [UInt8]? { nil }
    package func adopt(_ parameters: any ResolvedParameters) -> (any ResolvedParameters)? { parameters }
    package func perform(
        _ stream: StreamToken, _ function: @convention(c) (UnsafeMutableRawPointer?) -> Void,
        _ context: UnsafeMutableRawPointer?
    ) {
        function(context)
    }
    package func forget(_ stream: StreamToken) {}
    package var hasInterrupt: Bool { true }
}

/// With the response headers that the producer added, whatever the response is.
package enum OpenOutcome: Sendable {
    case opened(headers: [StreamRequest.Field])
    /// Nothing more to send: 204.
    case ended(headers: [StreamRequest.Field] = [])
    case rejected(status: Int, message: String, headers: [StreamRequest.Field] = [])
    /// The contract was broken; the text is for the log, the subscriber gets a plain 500.
    case failed(log: String)
    /// `StreamServices.opened` will say.
    case pending

    /// `close` will follow.
    package var isOpened: Bool { if case .opened = self { true } else { false } }
}

package enum PullOutcome: Sendable {
    /// A limit was reached; there may be more at once.
    case more
    /// Nothing before so many milliseconds have passed, or the stream is woken; negative: only when woken.
    case wait(milliseconds: Int64)
    case ended
    case failed(StreamFailure)
}

package struct StreamFailure: Sendable, Equatable {
    /// What the subscriber is told; `nil`: an opaque code only.
    package let message: String?
    /// What the log says.
    package let log: String

    package init(message: String?, log: String) {
        self.message = message
        self.log = log
    }
}
