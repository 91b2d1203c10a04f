import ProducerInterface

/// Why a subscriber is turned away, and how.
enum TurnedAway {
    /// The limit with this name is reached.
    case overload(String)
    /// The server is stopping, or is replacing the producer.
    case unavailable
    /// The producer was removed; its last streams continue for a while.
    case leaving

    /// For the log.
    var reason: String {
        switch self {
        case .overload(let limit): limit
        case .unavailable: "unavailable"
        case .leaving: "removed"
        }
    }

    /// For the counts: the limit's name, or another fixed word.
    var kind: String {
        switch self {
        case .overload(let limit): limit.hasPrefix(Self.openFiles) ? "open-files" : limit
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
        case .unavailable: "The server is stopping, or is replacing the producer of this route."
        case .leaving: "The producer of this route was removed."
        }
    }

    /// A browser gives up for good on 503. So a client that asks for an event stream by name gets an empty one that
    /// says when to reconnect, in EventSource's own language; any other client gets 503 with `Retry-After`. The
    /// connection ends, because descriptors may be what is scarce.
    func response(isEventSource: Bool, retryAfter wait: Duration) -> Response {
        guard isEventSource else {
            let seconds = max(1, (wait.wholeMilliseconds + 999) / 1000)
            var problem = Problem(503, "\(detail) Try again in \(seconds) s.")
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
