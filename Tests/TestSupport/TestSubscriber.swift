/// A subscriber of a running server, which sees the stream's frames exactly as they were sent.
///
/// It parses with a few lines of its own rather than with the product's parser, so that the two check each other.
package final class TestSubscriber {
    package let client: RawClient
    private var response: RawResponse?

    /// Sends a GET request.
    package init(asking target: String, headers: [(String, String)] = [], on client: RawClient) throws {
        self.client = client
        let lines = ["GET \(target) HTTP/1.1", "Host: localhost"] + headers.map { "\($0.0): \($0.1)" }
        try client.send(lines.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    /// Takes what `client` has sent its own request for.
    package init(on client: RawClient) {
        self.client = client
    }

    /// The response's head; waits for it when asked for the first time.
    package func head(within limit: Duration = .seconds(10)) throws -> RawResponse {
        if let response { return response }
        let response = try client.readResponse(toHead: true, within: limit)
        self.response = response
        return response
    }

    /// The next block with the blank line that ends it, whatever it is: an event, a comment, a retry time.
    package func nextFrame(within limit: Duration = .seconds(10)) throws -> String {
        _ = try head(within: limit)
        return try client.read(through: "\n\n", within: limit)
    }

    /// The next event that a browser would dispatch; skips all else.
    package func nextEvent(within limit: Duration = .seconds(10)) throws -> TestEvent {
        let deadline = ContinuousClock.now + limit
        while true {
            let event = TestEvent(frame: try nextFrame(within: deadline - .now))
            if event.data != nil { return event }
        }
    }

    /// The rest of the stream, up to the end of the connection.
    package func rest(within limit: Duration = .seconds(10)) throws -> [TestEvent] {
        _ = try head(within: limit)
        let text = try client.readToEnd(within: limit)
        return text.split(separator: "\n\n").map { TestEvent(frame: String($0)) }
    }
}

/// The fields of one frame.
package struct TestEvent: Sendable, Equatable {
    /// `nil`: no data line.
    package var data: String?
    package var type: String?
    package var id: String?
    package var retry: Int?
    package var comment: String?

    package init(frame: String) {
        for line in frame.split(separator: "\n") {
            let (name, value) = Self.field(line)
            switch name {
            case "data": data = data.map { $0 + "\n" + value } ?? value
            case "event": type = value
            case "id": id = value
            case "retry": retry = Int(value)
            case "": comment = value
            default: break
            }
        }
    }

    private static func field(_ line: Substring) -> (name: Substring, value: String) {
        guard let colon = line.firstIndex(of: ":") else { return (line, "") }
        let value = line[line.index(after: colon)...]
        return (line[..<colon], String(value.first == " " ? value.dropFirst() : value))
    }
}
