import TestSupport

/// A client of a proxy that reads a stream. A proxy may cut the body into other chunks than the server, so here a blank
/// line ends a frame.
final class ProxiedStream {
    /// Another address of loopback than the one that proxies connect from, so that a test can tell them apart.
    static let address = "127.0.0.77"

    let client: RawClient
    private var response: RawResponse?
    private var decoder = ChunkDecoder()
    private var pending: [UInt8] = []

    /// Sends a request for a stream.
    /// - Parameter body: that of a POST; without one, it is a GET.
    init(
        _ target: String, through port: Int, host: String = "localhost", headers: [(String, String)] = [],
        body: String? = nil
    ) throws {
        client = try RawClient(port: port, from: Self.address)
        var lines = ["\(body == nil ? "GET" : "POST") \(target) HTTP/1.1", "Host: \(host)"]
        lines += headers.map { "\($0.0): \($0.1)" }
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        try client.send(lines.map { $0 + "\r\n" }.joined() + "\r\n" + (body ?? ""))
    }

    /// The response's head; the first call waits for it.
    func head() throws -> RawResponse {
        if let response { return response }
        let response = try client.readResponse(toHead: true)
        self.response = response
        return response
    }

    /// What has arrived of the body, up to the end of a text for which this waits.
    func text(through end: String, within limit: Duration = .seconds(10)) throws -> String {
        let deadline = ContinuousClock.now + limit
        let isChunked = try head()["Transfer-Encoding"] == "chunked"
        while true {
            let bytes = client.takeReceived()
            pending += isChunked ? decoder.feed(bytes).flatMap(\.self) : bytes
            if let range = pending.firstRange(of: Array(end.utf8)) {
                defer { pending.removeFirst(range.upperBound) }
                return String(decoding: pending[..<range.upperBound], as: UTF8.self)
            }
            guard try !decoder.isComplete && client.receive(until: deadline) else {
                throw TestFailure(
                    "the stream ended before “\(end)”, after: \(String(decoding: pending, as: UTF8.self))")
            }
        }
    }

    /// The next event that a browser would dispatch.
    func nextEvent() throws -> TestEvent {
        while true {
            let event = TestEvent(frame: try text(through: "\n\n"))
            if event.data != nil, event.type != "sluice-open" { return event }
        }
    }
}
