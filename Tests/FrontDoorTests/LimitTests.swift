import Logging
import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Limits and waits", .timeLimit(.minutes(3)))
struct LimitTests {
    /// A request whose head has exactly this many bytes.
    private func request(headBytes: Int) -> String {
        let shell = get("/missing", "X: ")
        return get("/missing", "X: " + String(repeating: "a", count: headBytes - shell.utf8.count))
    }

    @Test("A head can have exactly the limit's size; one more byte is 431", arguments: [1, 1000, 100_000])
    func headBytes(pieceBytes: Int) async throws {
        try await withServer { server in
            for (count, status) in [(16 * 1024, 404), (16 * 1024 + 1, 431)] {
                let client = try server.connect()
                let bytes = Array(request(headBytes: count).utf8)
                // Such a large request would take long in single bytes, so only its last part is sent in pieces.
                try client.send(Array(bytes.dropLast(2000)))
                var rest = bytes.suffix(2000)
                while !rest.isEmpty {
                    try client.send(Array(rest.prefix(pieceBytes)))
                    rest = rest.dropFirst(pieceBytes)
                }
                let response = try client.readResponse()
                #expect(response.status == status)
                if status == 404 {
                    #expect(response["Connection"] == nil)
                } else {
                    try #expect(client.readToEnd() == "")
                }
            }
        }
    }

    @Test(
        "A head without an end is 431, wherever it grows",
        arguments: [
            "GET /", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nX:", "GET / HTTP/1.1\r\nX: ", "GET / HTTP/1.1\r\nX", "",
        ])
    func endlessHead(start: String) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(start)
            let filler = start.hasSuffix("X:") ? " " : start.isEmpty ? "\r\n" : "a"
            // Until the answer: a client that continues to send after it must still get it.
            try client.send(String(repeating: filler, count: 17 * 1024))
            let response = try client.readResponse()
            #expect(response.status == 431)
            try #expect(client.readToEnd() == "")
        }
    }

    @Test("A new limit applies from the next request on, on existing connections, too")
    func replaced() async throws {
        var settings = ServerSettings()
        settings.headTimeout = .seconds(60)
        settings.maxBodyBytes = 5
        try await withServer({ $0.maxBodyBytes = 10 }) { server in
            let request = "POST /missing HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\n12345678"
            let client = try server.connect()
            try client.send(request)
            #expect(try client.readResponse().status == 404)
            server.server.replaceSettings(settings)
            // The loops adopt it one after the other.
            let isHeld = try await eventually { try server.answer(to: request).status == 413 }
            #expect(isHeld)
            try client.send(request)
            #expect(try client.readResponse().status == 413)
        }
    }

    @Test("Too many headers are 431")
    func headerCount() async throws {
        try await withServer { server in
            let few = (0..<99).map { "A\($0): b\r\n" }.joined()
            try #expect(server.answer(to: "GET /missing HTTP/1.1\r\nHost: a\r\n\(few)\r\n").status == 404)
            try #expect(server.answer(to: "GET /missing HTTP/1.1\r\nHost: a\r\n\(few)B: c\r\n\r\n").status == 431)
        }
    }

    @Test("A head that arrives too slowly is 408, however steadily it arrives")
    func slowHead() async throws {
        try await withServer {
            $0.headTimeout = .milliseconds(300)
        } _: { server in
            let client = try server.connect()
            let begin = ContinuousClock.now
            let request = Array(get("/missing", "X: " + String(repeating: "a", count: 1000)).utf8)
            for byte in request {
                guard (try? client.send([byte])) != nil,
                    (try? client.receive(until: .now + .milliseconds(20))) == nil
                else { break }
            }
            let response = try client.readResponse()
            #expect(response.status == 408)
            #expect(response["Connection"] == "close")
            #expect(.now - begin >= .milliseconds(300))
        }
    }

    @Test("A body that arrives too slowly is 408")
    func slowBody() async throws {
        try await withServer {
            $0.bodyTimeout = .milliseconds(200)
        } _: { server in
            let client = try server.connect()
            try client.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
            try #expect(client.readResponse().status == 408)
        }
    }

    @Test("A silent connection is closed without an answer, before its first request and after a response")
    func silence() async throws {
        try await withServer {
            $0.headTimeout = .milliseconds(200)
            $0.idleTimeout = .milliseconds(200)
        } _: { server in
            let silent = try server.connect()
            try #expect(silent.readToEnd() == "")
            let talker = try server.connect()
            try talker.send(get("/missing"))
            _ = try talker.readResponse()
            try #expect(talker.readToEnd() == "")
            #expect(await eventually { server.server.connectionCount == 0 })
        }
    }

    @Test("An open that takes long causes no timeout")
    func slowOpen() async throws {
        try await withServer {
            $0.headTimeout = .milliseconds(50)
            $0.idleTimeout = .milliseconds(50)
            $0.bodyTimeout = .milliseconds(50)
            $0.lingerTimeout = .milliseconds(50)
        } _: { server in
            let client = try server.connect()
            try client.send(get("/slow"))
            let opened = try await server.opened()
            #expect(throws: RawClientError.self) { try client.receive(until: .now + .milliseconds(500)) }
            opened.door.answer(.rejected(status: 409, message: "at last"))
            try #expect(client.readResponse().status == 409)
        }
    }

    /// The timeout may be the one for the rest of a head, because the server may have stopped reading in the middle of
    /// a request.
    @Test("A client that never reads its answers is not read from either, and disconnected in time")
    func unreadAnswers() async throws {
        try await withServer {
            $0.sendBufferBytes = 4096
            $0.idleTimeout = .milliseconds(300)
            $0.headTimeout = .milliseconds(300)
        } _: { server in
            let client = try RawClient(port: server.port, receiveBufferBytes: 4096)
            let requests = String(repeating: get("/missing"), count: 1000)
            // The server stops reading, so at some point nothing more can be sent; then it closes the connection.
            #expect(throws: RawClientError.self) {
                for _ in 0..<10_000 { try client.send(requests) }
            }
            #expect(await eventually { server.server.connectionCount == 0 })
        }
    }

    @Test("If all connections are being answered, the front door accepts no more until one is finished")
    func population() async throws {
        try await withServer {
            $0.maxConnections = 2
        } _: { server in
            let busy = try await server.busy(2)

            // The kernel completes the connection, but nobody answers it.
            let third = try server.connect()
            try third.send(get("/missing"))
            #expect(throws: RawClientError.self) { try third.receive(until: .now + .milliseconds(200)) }
            #expect(server.server.connectionCount == 2 && server.server.madeRoomCount == 0)

            // A stream no longer belongs to the front door.
            try await server.opened(0).door.answer(.stream(headers: []))
            try #expect(third.readResponse().status == 404)
            #expect(await eventually { server.server.connectionCount == 2 })
            for client in busy { client.close() }
        }
    }
}

@Suite("Requests that wait for a producer", .timeLimit(.minutes(3)))
struct PendingOpenTests {
    @Test("A producer that does not answer closes no door for the others, and has room again when it answers")
    func others() async throws {
        let request = get("/slow")
        try await withServer({
            $0.maxConnections = 8
            $0.maxPendingOpens = 2
        }) { server in
            let waiting = try await server.busy(2)
            for _ in 0..<2 {
                let answer = try server.answer(to: request)
                #expect(answer.status == 503 && answer["Retry-After"] != nil)
            }
            let eventSource = try server.answer(to: get("/slow", "Accept: text/event-stream"))
            #expect(eventSource.status == 200 && eventSource.body.hasPrefix("retry: "))
            let other = try server.connect()
            try other.send(get("/once"))
            try #expect(other.readToEnd().hasSuffix("data: hi\n\n"))
            #expect(server.server.turnedAway == ["max-pending-opens-per-producer": 3])

            // One is answered, and the client of the other leaves.
            try await server.opened(0).door.answer(.ended())
            try #expect(waiting[0].readResponse().status == 204)
            waiting[1].close()
            #expect(await eventually { server.opener.left.count == 1 })
            let again = [try server.connect(), try server.connect()]
            for client in again { try client.send(request) }
            _ = try await server.opened(4)
            var settings = ServerSettings()
            settings.listeners = [.anyHost(0)]
            server.server.replaceSettings(settings)
            let more = try server.connect()
            try more.send(request)
            _ = try await server.opened(5)
        }
    }

    @Test("Places are counted by producer, and each is left once")
    func places() throws {
        let opens = PendingOpens(limit: 2)
        let (a, b) = (
            ProducerDescription(plugin: "p", name: "a", route: "/a"),
            ProducerDescription(plugin: "p", name: "b", route: "/b")
        )
        let first = try #require(opens.enter(a))
        let second = try #require(opens.enter(a))
        #expect(opens.enter(a) == nil && opens.enter(b) != nil && opens.count == 3)
        first.leave()
        #expect(opens.enter(a) != nil && opens.enter(a) == nil)
        second.leave()
        opens.replaceLimit(1)
        #expect(opens.enter(a) == nil && opens.count == 2)
    }
}
