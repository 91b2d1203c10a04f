import EventStream
import Glibc
import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

/// Connections that already have a request when they are accepted: until then, the kernel holds them back
/// (TCP_DEFER_ACCEPT).
@Suite("Doorstep", .timeLimit(.minutes(3)))
struct DoorstepTests {
    /// Sends a request on a new connection.
    private func arrive(_ server: RunningServer, _ request: String) throws -> RawClient {
        let client = try server.connect()
        try client.send(request)
        return client
    }

    @Test("A plain request for a stream gets the stream", arguments: [true, false])
    func stream(handsOver: Bool) async throws {
        try await withServer {
            $0.allowsHandOver = handsOver
        } _: { server in
            let client = try arrive(server, get("/once", "Last-Event-ID: 7", "Accept: text/event-stream"))
            let response = try client.readToEnd()
            #expect(response.hasPrefix("HTTP/1.1 200 OK\r\n") && response.hasSuffix("\r\n\r\ndata: hi\n\n"))
            let request = try await server.opened().request
            #expect(request.lastEventID == "7" && request.method == "GET" && request.path == "/once")
            #expect(request.remoteAddress == "127.0.0.1")
            #expect(request.headers.map(\.name) == ["Host", "Last-Event-ID", "Accept"])
            #expect(await eventually { server.server.connectionCount == 0 })
        }
    }

    @Test(
        "A request that does not get a stream is answered, and the connection continues",
        arguments: [("/ended", 204), ("/rejected/418", 418), ("/failed", 500), ("/missing", 404), ("/number?n=x", 400)])
    func answers(target: String, status: Int) async throws {
        try await withServer { server in
            let client = try arrive(server, get(target))
            try #expect(client.readResponse().status == status)
            try client.send(get("/once"))
            try #expect(client.readToEnd().hasSuffix("data: hi\n\n"))
        }
    }

    @Test("Refused requests get an answer", arguments: ["/full", "/unavailable"])
    func turnedAway(target: String) async throws {
        try await withServer { server in
            let client = try arrive(server, get(target))
            let response = try client.readResponse()
            #expect(response.status == 503)
            #expect(response["Connection"] == "close")
            #expect(server.server.turnedAway.values.reduce(0, +) == 1)
            #expect(server.opener.left.isEmpty)
        }
    }

    @Test("A request in pieces, or with more data after it, is answered as usual")
    func unusual() async throws {
        try await withServer { server in
            let request = get("/once")
            let client = try arrive(server, String(request.prefix(20)))
            #expect(await eventually { server.server.connectionCount == 1 })
            try client.send(String(request.dropFirst(20)))
            try #expect(client.readToEnd().hasSuffix("data: hi\n\n"))
        }
        try await withServer { server in
            let client = try arrive(server, get("/missing") + get("/once"))
            try #expect(client.readResponse().status == 404)
            try #expect(client.readToEnd().hasSuffix("data: hi\n\n"))
        }
    }

    @Test(
        "A stream that takes long to open gets its connection, or learns that the peer has disconnected",
        arguments: [true, false])
    func slowOpen(stays: Bool) async throws {
        try await withServer { server in
            let client = try arrive(server, get("/slow"))
            let opened = try await server.opened()
            if stays {
                opened.door.answer(.stream(headers: [.init("X-Extra", "1")]))
                #expect(await eventually { server.opener.attachCount == 1 })
                #expect(server.opener.head(of: opened.token).contains("\r\nX-Extra: 1\r\n"))
                guard case .descriptor(let descriptor, _)? = server.opener.takeTransport(of: opened.token) else {
                    Issue.record("no descriptor was handed over")
                    return
                }
                #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
                var isNoDelay: Int32 = 0
                var size = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isNoDelay, &size)
                #expect(isNoDelay == 1)
                close(descriptor)
            } else {
                client.reset()
                #expect(await eventually { server.opener.left == [opened.token] })
            }
            #expect(await eventually { server.server.connectionCount == 0 })
        }
    }

    /// The first bytes that the stream sends show whether the peer is still there.
    @Test(
        "A peer that ends its sending side while the stream opens still gets it; one that resets does not",
        arguments: PeerLeavingTests.Leaving.allCases)
    func leaving(leaving: PeerLeavingTests.Leaving) async throws {
        try await withServer { server in
            // The server's thread only uses it while the test waits.
            nonisolated(unsafe) let client = try server.connect()
            server.opener.whenOpening { leaving.act(client) }
            try client.send(get("/held"))
            let token = try await server.opened().token
            #expect(await eventually { server.opener.left.count + server.opener.attachCount > 0 })
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(server.opener.left == (leaving == .reset ? [token] : []))
            #expect(server.opener.attachCount == (leaving == .reset ? 0 : 1))
            if case .descriptor(let descriptor, _)? = server.opener.takeTransport(of: token) { close(descriptor) }
        }
    }

    @Test("A server that stops answers the clients that wait for a stream")
    func stopping() async throws {
        try await withServer { server in
            let client = try arrive(server, get("/slow"))
            let opened = try await server.opened()
            async let stopped: Void = server.server.stop(within: .seconds(10))
            opened.door.answer(.rejected(status: 503, message: "Not now."))
            try #expect(client.readResponse().status == 503)
            client.close()
            await stopped
            #expect(server.server.connectionCount == 0)
        }
    }
}
