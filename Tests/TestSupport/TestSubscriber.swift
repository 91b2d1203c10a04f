/// A subscriber of a running server that sees the stream's frames exactly as they were sent.
///
/// It has its own simple parser, so that it and the product's parser check each other.
package final class TestSubscriber {
    package let client: RawClient
    private var response: RawResponse?
    private var decoder = ChunkDecoder()
    private var frames: [String] = []

    /// Sends a GET request.
    package init(asking target: String, headers: [(String, String)] = [], on client: RawClient) throws {
        self.client = client
        let lines = ["GET \(target) HTTP/1.1", "Host: localhost"] + headers.map { "\($0.0): \($0.1)" }
        try client.send(lines.map { $0 + "\r\n" }.joined() + "\r\n")
    }

    /// Uses a client that has already sent a request.
    package init(on client: RawClient) {
        self.client = client
    }

    /// The response's head; the first call waits for it.
    package func head(within limit: Duration = .seconds(10)) throws -> RawResponse {
        if let response { return response }
        let response = try client.readResponse(toHead: true, within: limit)
        self.response = response
        return response
    }

    private var isChunked: Bool { response?["Transfer-Encoding"] == "chunked" }
    /// Whether the response is complete.
    package var isComplete: Bool { decoder.isComplete }

    /// The next frame of any kind: the beginning, an event, a comment, a reconnection time. Chunks separate the frames;
    /// without them, a frame ends at the next blank line.
    package func nextFrame(within limit: Duration = .seconds(10)) throws -> String {
        let deadline = ContinuousClock.now + limit
        _ = try head(within: limit)
        guard isChunked else { return try client.read(through: "\n\n", within: limit) }
        while frames.isEmpty {
            decode()
            guard frames.isEmpty else { break }
            guard try !decoder.isComplete && client.receive(until: deadline) else {
                throw TestFailure("the stream ended \(decoder.isComplete ? "" : "early, ")before another frame")
            }
        }
        return frames.removeFirst()
    }

    private func decode() {
        frames += decoder.feed(client.takeReceived()).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The next event that a browser would dispatch, except for the host's own at the beginning; skips everything else.
    package func nextEvent(within limit: Duration = .seconds(10)) throws -> TestEvent {
        let deadline = ContinuousClock.now + limit
        while true {
            let event = TestEvent(frame: try nextFrame(within: deadline - .now))
            if event.data != nil, event.type != "sluice-open" { return event }
        }
    }

    /// The mark of a complete stream, once `rest` has read it.
    package private(set) var endMark: TestEvent?

    /// The frames of the rest of the stream, up to the end of the connection, except for the host's own at the
    /// beginning and at the end.
    package func rest(within limit: Duration = .seconds(10)) throws -> [TestEvent] {
        let deadline = ContinuousClock.now + limit
        _ = try head(within: limit)
        guard isChunked else {
            let text = try client.readToEnd(within: limit)
            return producersOwn(text.split(separator: "\n\n").map { TestEvent(frame: String($0)) })
        }
        repeat {
            decode()
            if .now > deadline { throw TestFailure("time is up while more and more comes") }
        } while try client.receive(until: deadline)
        guard !decoder.isMalformed else { throw TestFailure("what came is not in chunks") }
        defer { frames = [] }
        return producersOwn(frames.map(TestEvent.init(frame:)))
    }

    private func producersOwn(_ events: [TestEvent]) -> [TestEvent] {
        endMark = events.last.flatMap { $0.type == "sluice-end" ? $0 : nil }
        return events.filter { $0.type != "sluice-open" && $0.type != "sluice-end" }
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
