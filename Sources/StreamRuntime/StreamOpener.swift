package import ProducerInterface

/// What the front door needs of the runtime: the way from a request to a stream that has its connection.
///
/// For each stream: `open`, then one answer to the door, then (after `.stream`) exactly one of `attach` and `leave`. `leave` may come
/// at any time before, when the peer is gone; an answer may still follow it, and is then ignored by the door.
package protocol StreamOpener: AnyObject, Sendable {
    /// The producer on a path, or `nil`: 404. The path is as sent, without query.
    func route(for path: String) -> RouteMatch?

    /// Opens a stream on its own loop or thread; returns at once.
    /// - Throws: `Overload` if a limit is reached: nothing was opened, and no answer will come.
    func open(_ match: RouteMatch, _ request: StreamRequest, answering door: any OpenAnswering) throws(Overload)
        -> StreamToken

    /// The peer is gone, or the response can't be sent: the stream ends, as disconnected.
    func leave(_ stream: StreamToken)

    /// Gives an opened stream its connection, which from now on is the stream's.
    func attach(_ stream: StreamToken, to transport: StreamTransport, form: ResponseForm)

    /// Sinks have sent all that they were given, and take more.
    func sinksDrained(_ streams: [StreamToken])

    /// The peer of a sink has ended its sending side. It may be gone altogether: what it is sent next will show.
    func sinkHalfClosed(_ stream: StreamToken)

    /// A sink's connection is gone.
    func sinkClosed(_ stream: StreamToken)
}

/// A request that waits for its stream; called once per open, from any thread.
package protocol OpenAnswering: AnyObject, Sendable {
    func answer(_ answer: OpenAnswer)
}

/// The headers are what the producer added to its response.
package enum OpenAnswer: Sendable {
    /// Open: answer with the stream's head and `attach`, or `leave`.
    case stream(headers: [StreamRequest.Field])
    /// 204.
    case ended(headers: [StreamRequest.Field] = [])
    case rejected(status: Int, message: String, headers: [StreamRequest.Field] = [])
    /// Not now: the server stops, or replaces the producer. To be answered like an overload.
    case unavailable
    /// 500; what went wrong is in the log under this code, and nowhere else.
    case failed(code: String)
}

/// How a stream reaches its subscriber.
package enum StreamTransport: Sendable {
    /// A connected, non-blocking socket that the stream now owns, and the bytes to send before the first frame.
    case descriptor(Int32, head: [UInt8] = [])
    /// A connection that somebody else keeps (a NIO channel under TLS or HTTP/2). It writes the head of its response
    /// itself, in the protocol that it speaks, before its first batch.
    case sink(any FrameSink)
}

/// How a stream's response is sent, and what its client makes of it.
package struct ResponseForm: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// HTTP/1.1: each frame is a chunk, and an empty one says that the response is complete.
    package static let chunked = ResponseForm(rawValue: 1)
    /// A GET, whose client reconnects: it is told after how long, and when there is nothing to reconnect for.
    package static let reconnects = ResponseForm(rawValue: 2)

    /// The peer has ended its sending side.
    static let peerFinished = ResponseForm(rawValue: 4)
    /// The producer has given a reconnection time, which the client keeps.
    static let hasProducersRetry = ResponseForm(rawValue: 8)
}

/// A connection that takes frames in batches: after one the stream is silent until `StreamOpener.sinksDrained`.
package protocol FrameSink: AnyObject, Sendable {
    /// What brings it its batches.
    var carrier: any FrameCarrier { get }
    /// Ends the response once everything was sent. Nothing follows.
    func finish()
    /// Drops the connection. Nothing follows.
    func abort()
}

/// Brings batches to all sinks that live on one thread; called on any.
package protocol FrameCarrier: AnyObject, Sendable {
    /// Has each of these sinks, which are all this carrier's, send the same bytes.
    func carry(_ batch: SharedSlice, to sinks: [any FrameSink])
}

/// The sinks that are to get the same bytes, by what brings them there. Without a sink it costs nothing.
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

/// A path that a producer answers for.
package struct RouteMatch: Sendable {
    package let producer: any EventProducer
    /// The values of the route's placeholders, percent-decoded.
    package let values: [StreamRequest.Field]
    /// The route is gone, and only its last streams are left: nothing may be opened. It may come back in a moment, so a request is
    /// answered like an overload.
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
    /// The limit's name, as the operator sets it: "max-streams".
    package let limit: String

    package init(limit: String) {
        self.limit = limit
    }
}
