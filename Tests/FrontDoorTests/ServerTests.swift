import Logging
import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Server", .timeLimit(.minutes(3)))
struct ServerTests {
    private static let silent = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func failure(_ change: (inout ServerSettings) -> Void) async throws -> String {
        var settings = ServerSettings()
        change(&settings)
        let server = Server(settings, opener: FakeOpener(), logger: Self.silent)
        do throws(ServerError) {
            _ = try await server.start()
            await server.stop(within: .zero)
            return "listens"
        } catch {
            return error.description
        }
    }

    @Test("An address that it can't listen on is reported in one line that says what to do")
    func failures() async throws {
        try await withServer { server in
            let inUse = try await failure { $0.listeners = [.anyHost("127.0.0.1", server.port)] }
            #expect(
                inUse
                    == "cannot listen on 127.0.0.1:\(server.port): the port is in use; stop the other program, or choose another port"
            )
        }
        // Longer than any valid name, so that no name server is asked.
        let name = String(repeating: "x", count: 300)
        let unknown = try await failure { $0.listeners = [.anyHost(name, 8080)] }
        #expect(unknown == "cannot listen on \(name):8080: the host name can't be resolved")
        let foreign = try await failure { $0.listeners = [.anyHost("192.0.2.1", 0)] }
        #expect(foreign == "cannot listen on 192.0.2.1:0: this machine does not have that address")
        let port = try await failure { $0.listeners = [.anyHost("127.0.0.1", 70_000)] }
        #expect(port == "cannot listen on 127.0.0.1:70000: a port is a number from 0 to 65535")
    }

    @Test("IPv6, and IPv4 through it, with the client's own address")
    func addresses() async throws {
        try await withServer {
            $0.listeners = [.anyHost("::", 0)]
        } _: { server in
            for (host, address) in [("::1", "::1"), ("127.0.0.1", "127.0.0.1")] {
                let client = try RawClient(port: server.port, host: host)
                try client.send(get("/once"))
                _ = try client.readToEnd()
                #expect(server.opener.opened.last?.request.remoteAddress == address)
            }
        }
        #expect(ServerAddress(host: "::1", port: 80).url == "http://[::1]:80")
    }

    @Test("Every address in the list is served, and closed when the server stops accepting")
    func listeners() async throws {
        try await withServer {
            $0.listeners = [.anyHost("127.0.0.1", 0), .anyHost("::1", 0)]
            $0.threads = 2
        } _: { server in
            #expect(server.addresses.map(\.host) == ["127.0.0.1", "::1"])
            #expect(server.addresses.allSatisfy { $0.scheme == .http && $0.number > 0 })
            for address in server.addresses {
                // A plain request in one piece, and one that the doorstep passes on.
                for target in ["/once", "/missing"] {
                    let client = try RawClient(port: address.number, host: address.host)
                    try client.send(get(target))
                    if target == "/once" { try #expect(client.readToEnd().hasSuffix("data: hi\n\n")) }
                    if target == "/missing" { try #expect(client.readResponse().status == 404) }
                }
            }
            await server.server.stopAccepting()
            for address in server.addresses {
                #expect(throws: RawClientError.self) { try RawClient(port: address.number, host: address.host) }
            }
        }
    }

    @Test("All addresses share one limit: a connection of one makes room for those of another")
    func sharedLimit() async throws {
        try await withServer {
            $0.listeners = [.anyHost("127.0.0.1", 0), .anyHost("::1", 0)]
            $0.maxConnections = 1
        } _: { server in
            var last: RawClient?
            for round in 0..<4 {
                let address = server.addresses[round % 2]
                let client = try RawClient(port: address.number, host: address.host)
                try client.send(get("/missing"))
                try #expect(client.readResponse().status == 404)
                if let last { try #expect(last.readToEnd() == "", "round \(round)") }
                last = client
            }
            #expect(server.server.madeRoomCount == 3 && server.server.connectionCount == 1)
        }
    }

    @Test("If one address is not available, the server listens on none, and names that one")
    func oneOfTwo() async throws {
        try await withServer { server in
            var settings = ServerSettings()
            let free = try await free()
            settings.listeners = [.anyHost(free.host, free.number), .anyHost("127.0.0.1", server.port)]
            let second = Server(settings, opener: FakeOpener(), logger: Self.silent)
            let error = await #expect(throws: ServerError.self) { try await second.start() }
            #expect(error?.description.hasPrefix("cannot listen on \(server.addresses[0]): ") == true)
            #expect(throws: RawClientError.self) { try RawClient(port: free.number, host: free.host) }
        }
    }

    /// An address that nothing listens on any longer, and no other test.
    private func free() async throws -> ServerAddress {
        var address: ServerAddress?
        try await withServer({ $0.listeners = [.anyHost("127.0.0.9", 0)] }) { address = $0.addresses[0] }
        return try #require(address)
    }

    @Test("When it stops accepting, idle connections close, answers being sent are finished, and streams stay")
    func stopping() async throws {
        try await withServer { server in
            let idle = try server.connect()
            try idle.send(get("/missing"))
            _ = try idle.readResponse()
            let half = try server.connect()
            try half.send("GET /missing HT")
            let waiting = try server.connect()
            try waiting.send(get("/slow"))
            let refused = try await server.opened()
            let becoming = try server.connect()
            try becoming.send(get("/slow"))
            let accepted = try await server.opened(1)

            await server.server.stopAccepting()
            try #expect(idle.readToEnd() == "")
            #expect(throws: RawClientError.self) { try server.connect() }

            try half.send("TP/1.1\r\nHost: a\r\n\r\n")
            let last = try half.readResponse()
            #expect(last.status == 404)
            #expect(last["Connection"] == "close")
            refused.door.answer(.rejected(status: 409, message: "no"))
            try #expect(waiting.readResponse()["Connection"] == "close")
            accepted.door.answer(.stream(headers: []))
            #expect(await eventually { server.opener.attachCount == 1 })
            waiting.close()
            half.close()
            await server.server.stop(within: .seconds(10))
            #expect(server.server.connectionCount == 0)
            #expect(server.opener.left.isEmpty)
        }
    }

    @Test("Stopping ends everything that is left after the deadline; streams that were being opened lose their peer")
    func stoppingHard() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(get("/slow"))
            let opened = try await server.opened()
            await server.server.stop(within: .milliseconds(50))
            try #expect(client.readToEnd() == "")
            #expect(server.opener.left == [opened.token])
            #expect(server.server.connectionCount == 0)
        }
    }

    @Test("Several threads serve")
    func threads() async throws {
        try await withServer {
            $0.threads = 3
        } _: { server in
            let clients = try (0..<12).map { _ in try server.connect() }
            for client in clients { try client.send(get("/once")) }
            for client in clients { try #expect(client.readToEnd().hasSuffix("data: hi\n\n")) }
            #expect(await eventually { server.server.connectionCount == 0 })
        }
    }
}
