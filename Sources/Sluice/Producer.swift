import CSluice

/// What all producers declare. Conform to `Producer` or to `PollingProducer`, not to this.
public protocol ProducerDeclaration: SendableMetatype {
    /// Lower-case letters, digits and inner `-`, `_` or `.`; unique in the plugin. By default, the type's name:
    /// `token-stream` for `TokenStream`.
    static var name: String { get }
    /// Where it is served, such as `/ticker/{symbol}`; a placeholder names a `@Parameter`. By default, `/` and the
    /// name.
    static var route: String { get }
    /// One line for people.
    static var summary: String { get }
    static var options: ProducerOptions { get }

    /// Creates the producer of one stream; its `@Parameter`s have the request's values. An error that it throws refuses
    /// the request, as in `Producer.events(for:)`.
    init() throws
}

/// A producer of events in the form of an asynchronous sequence: each subscriber gets its own.
///
///     struct Hello: Producer {
///         static let route = "/sse"
///         @Parameter(min: 0.001, max: 86_400) var interval = 1.0
///
///         func events(for request: Request) -> some AsyncSequence<MessageEvent, any Error> {
///             ticks(every: .seconds(interval)).map { _ in try MessageEvent(json: ["hello": "world"]) }
///         }
///     }
///
/// Its code runs on one of the server's event loops, together with many other streams: it must await, and never block.
/// The server asks the sequence for an event only when the subscriber can take one.
public protocol Producer: ProducerDeclaration {
    associatedtype Events: AsyncSequence where Events.Element == MessageEvent

    /// The events of one stream. When the sequence ends, the stream is complete, and a browser is told not to
    /// reconnect. If it throws, the stream fails: the subscriber sees the message of a `StreamFailure`, or, for any
    /// other error, only a number that the log has, too.
    ///
    /// Until this returns, the request has not been answered: throw `Reject` to answer it with a status, or `Finished`
    /// for "nothing (more) to send"; any other error is answered with 500.
    func events(for request: Request) async throws -> Events

    /// Called exactly once for each stream, after its sequence has stopped, whatever ended the stream.
    func finalize(_ reason: CloseReason)
}

/// A producer with a plain function that returns the next event: the simplest and fastest kind.
///
///     struct Counter: PollingProducer {
///         @Parameter var from = 0
///         var count = 0
///
///         mutating func next() -> Step {
///             count += 1
///             return .event(MessageEvent("\(from + count)"), then: .seconds(1))
///         }
///     }
public protocol PollingProducer: ProducerDeclaration {
    /// Starts the stream. An error that it throws refuses the request, as in `Producer.events(for:)`.
    mutating func open(_ request: Request) throws

    /// The next event, or when to ask again. Must return within a millisecond, unless the producer is `.blocking`. An
    /// error that it throws fails the stream.
    mutating func next() throws -> Step

    /// Called exactly once for each stream, whatever ended it.
    mutating func finalize(_ reason: CloseReason)
}

/// What a `PollingProducer` answers.
public enum Step: Sendable {
    /// An event; the server asks for the next one after this time.
    case event(MessageEvent, then: Duration = .zero)
    /// Nothing yet: ask again after this time, or when the stream is woken.
    case wait(Duration)
    /// Nothing yet: ask again when the stream is woken (`Request.stream`).
    case waitUntilWoken
    /// The stream is complete.
    case end
}

/// How the server treats a producer's streams.
public struct ProducerOptions: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// One stream serves all subscribers whose parameters are equal; it sees no header, query, address, identity or
    /// body.
    public static let shared = ProducerOptions(rawValue: UInt32(SLUICE_SHARED))
    /// A new stream that is given the last event's ID continues exactly after it, so the server may move a stream to a
    /// new build.
    public static let resumable = ProducerOptions(rawValue: UInt32(SLUICE_RESUMABLE))
    /// A request may be a POST with a body. Not together with `.shared`.
    public static let body = ProducerOptions(rawValue: UInt32(SLUICE_BODY))
    /// A `PollingProducer` whose `next` may block: each of its streams has a thread, and the server limits their
    /// number.
    public static let blocking = ProducerOptions(rawValue: 1 << 16)
}

extension ProducerDeclaration {
    public static var name: String { kebabCase(String(describing: Self.self)) }
    public static var route: String { "/" + name }
    public static var summary: String { "" }
    public static var options: ProducerOptions { [] }
}

extension Producer {
    public func finalize(_ reason: CloseReason) {}
}

extension PollingProducer {
    public mutating func open(_ request: Request) throws {}
    public mutating func finalize(_ reason: CloseReason) {}
}

/// "TokenStream" as "token-stream", "LLMTokens" as "llm-tokens".
func kebabCase(_ name: String) -> String {
    let characters = Array(name)
    var result = ""
    for (index, character) in characters.enumerated() {
        let startsWord =
            character.isUppercase && index > 0
            && (!characters[index - 1].isUppercase
                || (index + 1 < characters.count && characters[index + 1].isLowercase))
        if startsWord, result.last != "-", result.last != "_" { result += "-" }
        result += character.lowercased()
    }
    return result
}
