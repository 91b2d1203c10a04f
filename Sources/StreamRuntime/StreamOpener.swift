package import ProducerInterface
package import SystemCalls

/// What the front door needs from the runtime: the way from a request to a stream that has its connection.
///
/// For each stream: `open`, then one answer to the door, then (after `.stream`) exactly one of `attach` and `leave`.
/// `leave` can come at any earlier time if the peer is gone; an answer can still follow it, and the door then ignores
/// that.
package protocol StreamOpener: AnyObject, Sendable {
    /// The producer on a path, or `nil`: 404. The path is as sent, without query.
    func route(for path: String) -> RouteMatch?

    /// Opens a stream on its own loop or thread; returns at once.
    /// - Throws: `Overload` if a limit is reached: nothing was opened, and no answer will follow.
    func open(_ match: RouteMatch, _ request: StreamRequest, answering door: any OpenAnswering) throws(Overload)
        -> StreamToken

    /// A client reconnects to a stream that has ended, and is answered with 204: nothing is opened.
    func countFinished(_ match: RouteMatch)

    /// The peer is gone, or the response cannot be sent: the stream ends, as disconnected.
    func leave(_ stream: StreamToken)

    /// Gives an opened stream its connection, which the stream owns from now on.
    func attach(_ stream: StreamToken, to transport: StreamTransport, form: ResponseForm)

    /// Sinks have sent everything that they were given, and take more.
    func sinksDrained(_ streams: [StreamToken])

    /// The peer of a sink has ended its sending side. It may be gone altogether, which shows when something is sent to
    /// it.
    func sinkHalfClosed(_ stream: StreamToken)

    /// A sink's connection is gone.
    func sinkClosed(_ stream: StreamToken)
}

extension StreamOpener {
    package func countFinished(_ match: RouteMatch) {}
}

/// A request that waits for its stream. Called once per open, from any thread.
package protocol OpenAnswering: AnyObject, Sendable {
    func answer(_ answer: OpenAnswer)
}

/// The headers are what the producer added to its response.
package enum OpenAnswer: Sendable {
    /// The stream is open: send the response head and call `attach`, or call `leave`.
    case stream(headers: [StreamRequest.Field])
    /// 204.
    case ended(headers: [StreamRequest.Field] = [])
    case rejected(status: Int, message: String, headers: [StreamRequest.Field] = [])
    /// Temporarily unavailable: the server is stopping, or replacing the producer. Answered like an overload.
    case unavailable
    /// 500. What went wrong is only in the log, under this code.
    case failed(code: String)
}

/// How a stream reaches its subscriber.
package enum StreamTransport: Sendable {
    /// A connected, non-blocking socket that the stream now owns, and the bytes to send before the first frame.
    case descriptor(Int32, head: [UInt8] = [])
    /// A connection that another object owns (a NIO channel under TLS or HTTP/2). It writes the head of its response
    /// itself, in its own protocol, before its first batch.
    case sink(any FrameSink)
}

/// How a stream's response is sent, and how its client treats it.
package struct ResponseForm: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// HTTP/1.1: each frame is a chunk, and an empty chunk marks the end of the response.
    package static let chunked = ResponseForm(rawValue: 1)
    /// A GET, whose client reconnects: it is told when to, and when there is nothing to reconnect for.
    package static let reconnects = ResponseForm(rawValue: 2)

    /// The peer has ended its sending side.
    static let peerFinished = ResponseForm(rawValue: 4)
    /// The producer has given a reconnection time, which the client keeps.
    static let hasProducersRetry = ResponseForm(rawValue: 8)
}

/// A connection that takes frames in batches. After each batch, the stream sends nothing until
/// `StreamOpener.sinksDrained`.
package protocol FrameSink: AnyObject, Sendable {
    /// Delivers batches to this sink.
    var carrier: any FrameCarrier { get }
    /// Ends the response once everything has been sent. Nothing follows.
    func finish()
    /// Drops the connection. Nothing follows.
    func abort()
}

/// Delivers batches to all sinks of one thread. Can be called on any thread.
package protocol FrameCarrier: AnyObject, Sendable {
    /// Lets each of these sinks, which must all belong to this carrier, send the same bytes.
    func carry(_ batch: SharedSlice, to sinks: [any FrameSink])
}

/// The sinks that get the same bytes, grouped by carrier. Without a sink, it costs nothing.
struct SinkBatches {
    private var groups: [(carrier: any FrameCarrier, sinks: [any FrameSink])] = []

    mutating func add(_ sink: any FrameSink) {
        let carrier = sink.carrier
        if let index = groups.firstIndex(where: { $0.carrier === carrier }) {
            groups[index].sinks.append(sink)
        } else {
            groups.append((carrier, [sink]))
        }
    }

    func send(_ batch: SharedSlice) {
        for group in groups { group.carrier.carry(batch, to: group.sinks) }
    }
}

/// A path that belongs to a producer.
package struct RouteMatch: Sendable {
    package let producer: any EventProducer
    /// The values of the route's placeholders, percent-decoded.
    package let values: [StreamRequest.Field]
    /// The route is gone, and only its last streams are left: nothing can be opened. The route may return soon, so a
    /// request is answered like an overload.
    package let isLeaving: Bool
    /// The runtime's own record of the producer and its generation.
    let entry: ProducerEntry

    package init(entry: ProducerEntry, values: [StreamRequest.Field], isLeaving: Bool = false) {
        self.entry = entry
        producer = entry.producer
        self.values = values
        self.isLeaving = isLeaving
    }
}

/// A limit that a new stream would exceed.
package struct Overload: Error, Sendable, Equatable {
    package enum Scope: Sendable, Equatable {
        /// Of the server, or of a producer: others can't open a stream either.
        case server
        /// Of the client that asks. It can open its next stream after this time, in nanoseconds; `nil`: when one of its
        /// streams has ended.
        case client(wait: Nanoseconds?)
    }

    /// The name of the limit as the operator sets it, for example "max-streams".
    package let limit: String
    package let scope: Scope

    package init(limit: String, _ scope: Scope = .server) {
        self.limit = limit
        self.scope = scope
    }
}
