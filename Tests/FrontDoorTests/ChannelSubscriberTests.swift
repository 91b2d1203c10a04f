import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

@Suite("A channel as a subscriber", .timeLimit(.minutes(3)))
struct ChannelSubscriberTests {
    private func withSink(
        _ body: (RunningServer, RawClient, StreamToken, any FrameSink) async throws -> Void
    ) async throws {
        try await withServer {
            $0.allowsHandOver = false
        } _: { server in
            let client = try server.connect()
            try client.send(get("/held"))
            let token = try await server.opened().token
            #expect(await eventually { server.opener.attachCount == 1 })
            guard case .sink(let sink)? = server.opener.takeTransport(of: token) else {
                Issue.record("no sink was handed over")
                return
            }
            try await body(server, client, token, sink)
        }
    }

    @Test("The response is the same as with a descriptor")
    func wholeResponse() async throws {
        try await withServer {
            $0.allowsHandOver = false
        } _: { server in
            let client = try server.connect()
            try client.send(get("/missing") + get("/once"))
            try #expect(client.readResponse().status == 404)
            let response = try client.readToEnd()
            #expect(response.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"))
            #expect(response.hasSuffix("Connection: close\r\n\r\ndata: hi\n\n"))
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(server.opener.closed.isEmpty && server.opener.left.isEmpty)
        }
    }

    /// Reads the head, which arrives with the first batch.
    private func readHead(_ client: RawClient) throws {
        let head = try client.read(through: "\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"))
        #expect(head.hasSuffix("\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"))
    }

    @Test("It writes its head itself, once, before whatever comes first: a batch, or the end")
    func ownHead() async throws {
        try await withSink { server, client, _, sink in
            sink.send(Array("data: 1\n\n".utf8))
            try readHead(client)
            sink.send(Array("data: 2\n\n".utf8))
            sink.finish()
            try #expect(client.readToEnd() == "data: 1\n\ndata: 2\n\n")
        }
        try await withSink { server, client, _, sink in
            sink.finish()
            try readHead(client)
            try #expect(client.readToEnd() == "")
        }
    }

    @Test("A connection that is dropped before anything was sent gets no head")
    func noHead() async throws {
        try await withSink { server, client, _, sink in
            sink.abort()
            try #expect(client.readToEnd() == "")
        }
    }

    @Test("Each batch that was written requests the next")
    func batches() async throws {
        try await withSink { server, client, token, sink in
            for number in 1...3 {
                sink.send(Array("data: \(number)\n\n".utf8))
                if number == 1 { try readHead(client) }
                let event = try client.read(through: "\n\n")
                #expect(event == "data: \(number)\n\n")
                #expect(await eventually { server.opener.drained.count == number })
            }
            #expect(server.opener.drained == [token, token, token])
        }
    }

    @Test("One batch for several channels reaches each of them, and each requests the next")
    func severalChannels() async throws {
        try await withSink { server, client, token, sink in
            let other = try server.connect()
            try other.send(get("/held"))
            let second = try await server.opened(1).token
            #expect(await eventually { server.opener.attachCount == 2 })
            guard case .sink(let otherSink)? = server.opener.takeTransport(of: second) else {
                Issue.record("no sink was handed over")
                return
            }
            let text = "data: to all\n\n"
            let batch = Array("...\(text)...".utf8).withUnsafeBytes { SharedBytes(copying: $0) }
            let slice = SharedSlice(shared: batch, range: 3..<3 + text.utf8.count)
            #expect(sink.carrier === otherSink.carrier, "both live on the one thread that there is")
            sink.carrier.carry(slice, to: [sink, otherSink])
            for reader in [client, other] {
                try readHead(reader)
                try #expect(reader.read(through: "\n\n") == text)
            }
            #expect(await eventually { Set(server.opener.drained) == [token, second] })
            #expect(server.opener.drained.count == 2)
        }
    }

    @Test("A batch that the peer does not read is not drained until it does")
    func slowReader() async throws {
        try await withSink { server, client, token, sink in
            let batch = [UInt8](repeating: UInt8(ascii: "x"), count: 16 << 20)
            sink.send(batch)
            #expect(server.opener.drained.isEmpty)
            try readHead(client)
            let bytes = try client.read { $0.count == batch.count }
            #expect(bytes == batch)
            #expect(await eventually { server.opener.drained == [token] })
        }
    }

    @Test("A peer that disconnects is reported once", arguments: PeerLeavingTests.Leaving.allCases)
    func peerLeaves(leaving: PeerLeavingTests.Leaving) async throws {
        try await withSink { server, client, token, sink in
            leaving.act(client)
            if leaving != .reset {
                // It may only have ended its sending side; the next send will show.
                #expect(await eventually { server.opener.halfClosed == [token] })
                #expect(server.opener.closed.isEmpty)
                sink.send(Array(":\n".utf8))
            }
            if leaving == .halfClose {
                #expect(await eventually { server.opener.drained == [token] })
                try readHead(client)
                try #expect(client.read(through: ":\n") == ":\n")
                sink.send(Array("data: more\n\n".utf8))
                try #expect(client.read(through: "\n\n") == "data: more\n\n")
                client.reset()
            }
            #expect(await eventually { server.opener.closed == [token] })
            sink.send(Array("data: late\n\n".utf8))
            sink.finish()
            sink.abort()
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(server.opener.closed == [token])
            #expect(server.opener.left.isEmpty)
        }
    }

    @Test("Finishing sends everything that was given before; aborting may not; neither is reported back")
    func endings() async throws {
        try await withSink { server, client, _, sink in
            sink.send([UInt8](repeating: UInt8(ascii: "y"), count: 4 << 20))
            sink.finish()
            try readHead(client)
            let received = try client.readToEnd()
            #expect(received.utf8.count == 4 << 20)
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(server.opener.closed.isEmpty)
        }
        try await withSink { server, client, _, sink in
            sink.send([UInt8](repeating: UInt8(ascii: "y"), count: 16 << 20))
            sink.abort()
            let received = try client.readToEnd()
            #expect(received.utf8.count < 16 << 20)
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(server.opener.closed.isEmpty)
        }
    }
}
