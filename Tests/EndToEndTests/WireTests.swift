import ProducerInterface
import TestSupport
import Testing

@Suite("The bytes that are sent", .onTestThreads)
struct WireTests {
    @Test("the head of a stream, byte for byte, and everything before the first event")
    func head() throws {
        try withServer(["WaitsForEver"]) { server in
            let subscriber = try server.subscribe("/waits-for-ever")
            let head = try subscriber.head()
            let lines = head.head.split(separator: "\r\n", omittingEmptySubsequences: false)
            #expect(lines.first == "HTTP/1.1 200 OK")
            #expect(lines.suffix(2) == ["", ""])
            let date = try #require(head["Date"])
            #expect(date.hasSuffix(" GMT") && date.count == 29)
            #expect(
                Set(head.headerLines) == [
                    "Content-Type: text/event-stream", "Cache-Control: no-store, no-transform", "X-Accel-Buffering: no",
                    "X-Content-Type-Options: nosniff", "Connection: close", "Date: \(date)",
                    "Transfer-Encoding: chunked",
                ])
            #expect(head.headerLines.count == 7)

            // In the first event's block: after an empty line, some clients take a lone reconnection time for an event.
            let first = try subscriber.nextFrame()
            let preamble = TestEvent(frame: first)
            #expect((1000...3000).contains(try #require(preamble.retry)))
            #expect(first.hasSuffix("\n: sluice\n") && !first.hasSuffix("\n\n"))
            #expect(try subscriber.nextFrame() == "data: the only one\n\n")
        }
    }

    @Test("an event, byte for byte")
    func event() throws {
        try withServer(["TicksWithIds"]) { server in
            let subscriber = try server.subscribe("/ticks-with-ids?count=2")
            _ = try subscriber.nextFrame()
            #expect(try subscriber.nextFrame() == "id: 1\ndata: 1\n\n")
            #expect(try subscriber.nextFrame() == "event: even\nid: 2\ndata: 2\n\n")
            #expect(try subscriber.nextFrame() == "event: sluice-end\nid: sluice-end\ndata:\n\n")
            #expect(try subscriber.client.readToEnd() == "" && subscriber.isComplete)
        }
    }

    @Test("a comment keeps a silent stream alive")
    func keepAlive() throws {
        try withServer(["WaitsForEver"], flags: ["--keep-alive", "100ms"]) { server in
            let subscriber = try server.subscribe("/waits-for-ever")
            _ = try subscriber.nextEvent()
            for _ in 1...3 {
                let frame = try subscriber.nextFrame()
                #expect(frame.hasPrefix(":"), "\(frame)")
            }
        }
    }

    @Test("HTTP/1.0 gets the same stream")
    func oldVersion() throws {
        try withServer(["EndsAfterCount"]) { server in
            let client = try server.connect()
            try client.send("GET /ends-after-count?count=2 HTTP/1.0\r\n\r\n")
            let subscriber = TestSubscriber(on: client)
            #expect(try subscriber.head().status == 200)
            #expect(try subscriber.head()["Transfer-Encoding"] == nil)
            #expect(try subscriber.rest().compactMap(\.data) == ["1", "2"])
        }
    }

    @Test("HEAD answers the head and opens nothing")
    func headRequest() throws {
        try withServer(["WaitsForEver"]) { server in
            let client = try server.connect()
            try client.send("HEAD /waits-for-ever HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let response = try client.readResponse(toHead: true)
            #expect(response.status == 200)
            #expect(response["Content-Type"] == "text/event-stream")
            try server.expectNotFound()
            try server.ledger.settle()
            #expect(server.ledger.streams.isEmpty)
        }
    }

    @Test("a request without a stream gets the reason, and the connection continues")
    func problems() throws {
        let hello = BuiltProducts.plugin("hello")
        try withServer([hello, "WaitsForEver"]) { server in
            let client = try server.connect()
            func ask(_ lines: String...) throws -> RawResponse {
                try client.send((lines + ["Host: localhost", "", ""]).joined(separator: "\r\n"))
                return try client.readResponse()
            }
            let unknown = try ask("GET /nowhere HTTP/1.1")
            #expect(unknown.status == 404)
            #expect(unknown["Content-Type"] == "application/problem+json")
            let method = try ask("DELETE /waits-for-ever HTTP/1.1")
            #expect(method.status == 405)
            #expect(method["Allow"]?.contains("GET") == true)
            #expect(try ask("GET /waits-for-ever HTTP/1.1", "Accept: text/html").status == 406)
            let parameter = try ask("GET /hello?interval=soon HTTP/1.1")
            #expect(parameter.status == 400)
            #expect(parameter.body.contains("interval") && parameter.body.contains("soon"))
            // Pipelined requests are answered in order.
            try client.send(
                "GET /one HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hello?interval=x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try client.readResponse().status == 404)
            #expect(try client.readResponse().status == 400)
            try server.ledger.settle()
            #expect(server.ledger.streams.isEmpty)
        }
    }

    @Test("a request head that is too large, or too slow")
    func requestLimits() throws {
        try withServer(["WaitsForEver"], flags: ["--head-timeout", "300ms"]) { server in
            let large = try server.connect()
            // The answer can arrive, and the connection end, while the rest is still being sent.
            try? large.send("GET /waits-for-ever HTTP/1.1\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n")
            #expect(try large.readResponse().status == 431)
            let slow = try server.connect()
            try slow.send("GET /waits-for-ever HTT")
            let answer = try slow.readToEnd()
            #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 408"))
            try server.ledger.settle()
            #expect(server.ledger.streams.isEmpty)
        }
    }

    @Test("4 MB through a tiny receive window: complete and in order", arguments: ["Floods", "FloodsFromThread"])
    func partialWrites(_ fixture: String) throws {
        let route = fixture == "Floods" ? "/floods" : "/floods-from-thread"
        try withServer([fixture]) { server in
            let count = 4000
            let subscriber = try server.subscribe(
                "\(route)?count=\(count)&bytes=1000&tag=a", receiveBufferBytes: 2048)
            let events = try subscriber.rest(within: .seconds(60))
            let numbers = events.compactMap(\.data).map { $0.prefix { $0 != " " } }
            #expect(numbers == (1...count).map { "\($0)"[...] })
            #expect(events.compactMap(\.data).allSatisfy { $0.utf8.count == 1000 })
            try server.expectClose(of: "a", .completed)
        }
    }

    @Test("bytes after the request are ignored and do no harm")
    func bytesBehindTheRequest() throws {
        try withServer(["TicksWithIds"]) { server in
            let client = try server.connect()
            try client.send(
                "GET /ticks-with-ids?count=30&tag=a HTTP/1.1\r\nHost: localhost\r\n\r\nGET /ticks-with-ids HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
            let subscriber = TestSubscriber(on: client)
            #expect(try subscriber.nextEvent().data == "1")
            try client.send("and more")
            #expect(try subscriber.rest().compactMap(\.data) == (2...30).map(String.init))
            try server.expectClose(of: "a", .completed)
            try server.ledger.settle()
            #expect(server.ledger.streams.count == 1)
        }
    }

    @Test("a subscriber that continues to send is disconnected")
    func hostileInput() throws {
        try withServer(["WaitsForEver"]) { server in
            let subscriber = try server.subscribe(opening: "/waits-for-ever", tag: "a")
            _ = try subscriber.nextEvent()
            // The connection can break at any moment of this.
            for _ in 0..<100 { try? subscriber.client.send([UInt8](repeating: 0x78, count: 4096)) }
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("a stream on a connection that has served other requests before")
    func afterOtherRequests() throws {
        try withServer(["EndsAfterCount", "RefusesStreams"]) { server in
            let client = try server.connect()
            for (target, status) in [
                ("/nowhere", 404), ("/refuses-streams?answer=1", 204), ("/refuses-streams?status=418", 418),
            ] {
                try client.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try client.readResponse().status == status)
            }
            let subscriber = try TestSubscriber(asking: "/ends-after-count?count=2&tag=a", on: client)
            #expect(try subscriber.rest().compactMap(\.data) == ["1", "2"])
            try server.expectClose(of: "a", .completed)
        }
    }
}
