import NIOCore
import ProducerInterface
import StreamRuntime
import Testing

@testable import FrontDoor

/// A client that ends its sending side, at each point of a request. Only the test lets time pass.
@Suite("Half-closing clients")
struct HalfClosingTests {
    private static let oldRequest = "GET /slow HTTP/1.0\r\n\r\n"
    private static let emptyBody = "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    private static let noBody = "POST /slow HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let body = "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    private static let chunks =
        "POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    private static let pipelined = get("/missing") + get("/slow")

    /// The sending side ended after the request, whose stream has been opening for some time since then.
    private func halfClosed(
        behind request: String, for time: TimeAmount
    ) throws -> (EmbeddedConnection, FakeOpener.Opened) {
        let connection = try EmbeddedConnection()
        try connection.send(request)
        connection.halfClose()
        connection.pass(time)
        return (connection, try #require(connection.opener.opened.first))
    }

    @Test(
        "While its stream opens: it gets the stream if that opens soon",
        arguments: [get("/slow"), oldRequest, emptyBody, noBody, body, chunks, pipelined])
    func opensSoon(request: String) throws {
        let (connection, opened) = try halfClosed(behind: request, for: .milliseconds(19))
        opened.door.answer(.stream(headers: []))
        connection.pass(.seconds(3600))
        #expect(connection.opener.left.isEmpty && connection.opener.attachCount == 1)
        // A client that is gone answers the comment with a reset.
        #expect(connection.opener.halfClosed == [opened.token] && !connection.isClosed)
    }

    @Test(
        "While its stream opens: it counts as disconnected if that takes long",
        arguments: [get("/slow"), oldRequest, emptyBody, noBody, pipelined])
    func opensLate(request: String) throws {
        let (connection, opened) = try halfClosed(behind: request, for: .milliseconds(21))
        #expect(connection.opener.left == [opened.token] && connection.isClosed)
        opened.door.answer(.stream(headers: []))
        connection.run()
        #expect(connection.opener.left == [opened.token] && connection.opener.attachCount == 0)
    }

    @Test("While its stream opens, after a body: it always gets the stream", arguments: [body, chunks])
    func opensLateBehindBody(request: String) throws {
        let (connection, opened) = try halfClosed(behind: request, for: .seconds(3600))
        #expect(connection.opener.left.isEmpty)
        opened.door.answer(.stream(headers: []))
        connection.run()
        #expect(connection.opener.attachCount == 1 && connection.opener.halfClosed == [opened.token])
    }

    @Test("A request without a stream is answered, too", arguments: [("/rejected/418", 418), ("/ended", 204)])
    func refused(target: String, status: Int) throws {
        let connection = try EmbeddedConnection()
        try connection.send(get(target))
        connection.halfClose()
        connection.run()
        let answer = try connection.answer()
        #expect(answer.hasPrefix("HTTP/1.1 \(status) ") && answer.contains("\r\nConnection: close\r\n"))
        #expect(connection.isClosed && connection.opener.left.isEmpty)
    }

    @Test("When its stream is open", arguments: [get("/held"), body.replacing("/slow", with: "/body")])
    func streaming(request: String) throws {
        let connection = try EmbeddedConnection()
        try connection.send(request)
        connection.run()
        #expect(connection.opener.attachCount == 1)
        connection.halfClose()
        connection.pass(.seconds(1))
        #expect(connection.opener.left.isEmpty && connection.opener.closed.isEmpty)
    }

    @Test(
        "After an answered request, and before a request is complete, the connection ends",
        arguments: [
            (get("/missing"), "HTTP/1.1 404 "), ("HEAD /held HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 "), ("", ""),
            ("GET /held HT", ""), (String(body.dropLast()), ""),
        ])
    func noStream(request: String, answer: String) throws {
        let connection = try EmbeddedConnection()
        try connection.send(request)
        connection.halfClose()
        connection.run()
        #expect(try connection.answer().hasPrefix(answer) && connection.isClosed)
        #expect(connection.opener.opened.isEmpty)
    }
}
