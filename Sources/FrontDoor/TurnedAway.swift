import ProducerInterface
import StreamRuntime

/// Why a subscriber is turned away, and how.
enum TurnedAway {
    /// The limit with this name is reached.
    case overload(String)
    /// A limit of this client alone is reached, for so long if that is known. Others are not concerned.
    case clientsLimit(String, wait: Duration?)
    /// The server is stopping, or is replacing the producer.
    case unavailable
    /// The producer was removed; its last streams continue for a while.
    case leaving

    init(_ overload: Overload) {
        self =
            switch overload.scope {
            case .server: .overload(overload.limit)
            case .client(let wait): .clientsLimit(overload.limit, wait: wait.map { .nanoseconds($0) })
            }
    }

    /// For the log.
    var reason: String {
        switch self {
        case .overload(let limit), .clientsLimit(let limit, _): limit
        case .unavailable: "unavailable"
        case .leaving: "removed"
        }
    }

    /// For the counts: the limit's name, or another fixed word.
    var kind: String {
        switch self {
        case .overload(let limit): limit.hasPrefix(Self.openFiles) ? "open-files" : limit
        case .clientsLimit(let limit, _): limit
        case .unavailable: "unavailable"
        case .leaving: "removed"
        }
    }

    /// The system's limit of descriptors, which has no name as a setting.
    static func openFiles(_ error: String) -> TurnedAway { .overload("\(openFiles): \(error)") }
    private static let openFiles = "open files"

    /// For the client.
    private var detail: String {
        switch self {
        case .overload: "The server is at its limit."
        case .clientsLimit(_, wait: nil): "This client has as many streams as it may have."
        case .clientsLimit: "This client opens streams faster than it may."
        case .unavailable: "The server is stopping, or is replacing the producer of this route."
        case .leaving: "The producer of this route was removed."
        }
    }

    private var status: Int { if case .clientsLimit = self { 429 } else { 503 } }
    private var knownWait: Duration? { if case .clientsLimit(_, let wait) = self { wait } else { nil } }

    /// A browser gives up for good on 429 and 503. So a client that asks for an event stream by name gets an empty one
    /// that says when to reconnect, in EventSource's own language; any other client gets the status with
    /// `Retry-After`. The connection ends, because descriptors may be what is scarce.
    /// - Parameter wait: unless it is known when the client can be served. An EventSource gets it in any case: all
    ///   streams of a page would try again at that moment.
    func response(isEventSource: Bool, retryAfter wait: Duration) -> Response {
        guard isEventSource else {
            let seconds = max(1, ((knownWait ?? wait).wholeMilliseconds + 999) / 1000)
            var problem = Problem(status, "\(detail) Try again in \(seconds) s.")
            problem.headers = [.init("Retry-After", String(seconds))]
            var response = problem.response
            response.closes = true
            return response
        }
        return Response(
            status: 200, type: "text/event-stream", body: Array("retry: \(wait.wholeMilliseconds)\n".utf8),
            closes: true)
    }

    /// Random within the range, so that clients that were turned away together do not reconnect together.
    static func wait(in range: ClosedRange<Duration>) -> Duration {
        .milliseconds(Int64.random(in: range.lowerBound.wholeMilliseconds...range.upperBound.wholeMilliseconds))
    }
}

extension Duration {
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
