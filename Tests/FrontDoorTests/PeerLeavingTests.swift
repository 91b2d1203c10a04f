import Glibc
import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Peers that disconnect", .timeLimit(.minutes(3)))
struct PeerLeavingTests {
    enum Leaving: CaseIterable {
        case close, halfClose, reset

        func act(_ client: RawClient) {
            switch self {
            case .close: client.close()
            case .halfClose: client.halfClose()
            case .reset: client.reset()
            }
        }
    }

    @Test("While open runs: leave, once, and a later answer of open changes nothing", arguments: Leaving.allCases)
    func duringOpen(leaving: Leaving) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(get("/slow"))
            let opened = try await server.opened()
            leaving.act(client)
            #expect(await eventually { server.opener.left == [opened.token] })
            opened.door.answer(.stream(headers: []))
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(server.opener.left.count == 1)
            #expect(server.opener.attachCount == 0)
        }
    }

    @Test("With unread bytes after the request, it is noticed, too", arguments: Leaving.allCases)
    func duringOpenWithInput(leaving: Leaving) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(get("/slow"))
            let opened = try await server.opened()
            try client.send(String(repeating: "x", count: 100_000))
            leaving.act(client)
            #expect(await eventually { server.opener.left == [opened.token] })
        }
    }

    @Test("Immediately after the request", arguments: Leaving.allCases)
    func atOnce(leaving: Leaving) async throws {
        try await withServer { server in
            for _ in 0..<50 {
                let client = try server.connect()
                try client.send(get("/slow"))
                leaving.act(client)
            }
            // Connections are accepted in order, so this one comes last.
            try #expect(server.answer(to: get("/missing", "Connection: close")).status == 404)
            #expect(await eventually { server.server.connectionCount == 0 })
            // A reset can reach the server before it has read the request.
            #expect(Set(server.opener.left) == Set(server.opener.opened.map(\.token)))
            #expect(server.opener.left.count == server.opener.opened.count)
            #expect(leaving == .reset || server.opener.opened.count == 50)
        }
    }

    @Test("After the handover, it is the stream's responsibility", arguments: Leaving.allCases)
    func afterHandOver(leaving: Leaving) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(get("/held"))
            let token = try await server.opened().token
            #expect(await eventually { server.opener.attachCount == 1 })
            guard case .descriptor(let descriptor, _)? = server.opener.takeTransport(of: token) else {
                Issue.record("no descriptor was handed over")
                return
            }
            defer { Glibc.close(descriptor) }
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
            #expect(await eventually { server.server.connectionCount == 0 })
            leaving.act(client)
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            #expect(poll(&entry, 1, 10_000) == 1)
            #expect(server.opener.left.isEmpty)
        }
    }

    @Test("While an open takes long, the kernel checks whether the peer is still there", arguments: [true, false])
    func longOpen(isLong: Bool) async throws {
        try await withServer {
            $0.probeAfter = isLong ? .milliseconds(20) : .seconds(50)
        } _: { server in
            let client = try server.connect()
            try client.send(get("/slow"))
            let opened = try await server.opened()
            // Only the kernel is told, so the socket is checked until it shows that.
            let socket = try #require(client.descriptorOfPeer)
            if isLong { #expect(await eventually { asksForThePeer(socket) }) }
            opened.door.answer(.stream(headers: []))
            #expect(await eventually { server.opener.attachCount == 1 })
            guard case .descriptor(let descriptor, _)? = server.opener.takeTransport(of: opened.token) else {
                Issue.record("no descriptor was handed over")
                return
            }
            defer { Glibc.close(descriptor) }
            #expect(asksForThePeer(descriptor) == isLong)
        }
    }

    @Test(
        "A connection counts until its stream has it, or knows that it has disconnected",
        arguments: [nil] + Leaving.allCases)
    func countedUntilGiven(leaving: Leaving?) async throws {
        try await withServer { server in
            let counts = Watched<[Int]>([])
            // Weak, because the server holds the opener.
            server.opener.whenGiven { [weak door = server.server] in
                let count = door?.connectionCount ?? -1
                counts.update { $0.append(count) }
            }
            let client = try server.connect()
            try client.send(get("/slow"))
            let opened = try await server.opened()
            leaving?.act(client)
            opened.door.answer(.stream(headers: []))
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(counts.read(\.self) == [1])
            if case .descriptor(let descriptor, _)? = server.opener.takeTransport(of: opened.token) {
                Glibc.close(descriptor)
            }
        }
    }

    @Test("Whichever comes first, the answer or the disconnect: either attach or leave, never both, never neither")
    func race() async throws {
        var random = SeededRandom.fromEnvironment(test: "hand-over race")
        try await withServer { server in
            for round in 0..<400 {
                let client = try server.connect()
                try client.send(get("/slow"))
                let opened = try await server.opened(round)
                let leaving = Leaving.allCases.randomElement(using: &random)!
                let answers = Int.random(in: 0...2, using: &random)
                let input = Bool.random(using: &random)
                let answering = Task.detached {
                    for _ in 0..<max(1, answers) { opened.door.answer(.stream(headers: [])) }
                }
                if input { try? client.send("more") }
                if answers > 0, Bool.random(using: &random) { await Task.yield() }
                leaving.act(client)
                await answering.value
            }
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(server.opener.left.count + server.opener.attachCount == 400)
            for opened in server.opener.opened {
                let attached = server.opener.takeTransport(of: opened.token)
                #expect((attached != nil) != server.opener.left.contains(opened.token))
                if case .descriptor(let descriptor, _)? = attached { Glibc.close(descriptor) }
            }
        }
    }
}

/// Whether the kernel checks from time to time whether the peer is still there (`SO_KEEPALIVE`, socket(7)).
private func asksForThePeer(_ descriptor: Int32) -> Bool {
    var value: Int32 = -1
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &value, &size) == 0 && value == 1
}
