import EventStream
import ProducerInterface
import TestSupport
import Testing

@Suite("A stream that ends", .onTestThreads)
struct EndingTests {
    @Test("END: complete, marked as finished, and 204 for a client that reconnects with the mark")
    func completed() throws {
        try withServer(["EndsAfterCount"]) { server in
            let subscriber = try server.subscribe("/ends-after-count?count=3&tag=a")
            let events = try subscriber.rest()
            #expect(events.compactMap(\.data) == ["1", "2", "3"])
            try server.expectClose(of: "a", .completed)

            let mark = try #require(subscriber.endMark)
            #expect(mark.data == "" && mark.type == "sluice-end", "no listener for messages is told")
            let id = try #require(mark.id)
            let back = try server.subscribe("/ends-after-count?count=3&tag=b", headers: [("Last-Event-ID", id)])
            #expect(try back.head().status == 204)
            let asked = try server.subscribe("/ends-after-count?count=3&tag=c&last_event_id=\(id)")
            #expect(try asked.head().status == 204)
            #expect(server.ledger.streams.count == 1, "the plugin was asked again")
        }
    }

    @Test("ERROR after a burst: the whole burst arrives, then the error")
    func failed() throws {
        try withServer(["FailsAfterCount"]) { server in
            var events = try server.subscribe("/fails-after-count?count=5000&tag=a").rest()
            let last = events.removeLast()
            #expect(last.type == "stream-error")
            #expect(last.data == "the well is dry")
            let burst = (1...5000).map { "\($0)" }
            #expect(events.compactMap(\.data) == burst)
            try server.expectClose(of: "a", .failed)
        }
    }

    @Test("ERROR without a message: the subscriber only gets a code, which the log explains")
    func failedSilently() throws {
        try withServer(["FailsSilently"]) { server in
            let events = try server.subscribe("/fails-silently?tag=a").rest()
            try server.expectClose(of: "a", .failed)
            let last = try #require(events.last)
            #expect(last.type == "stream-error")
            let code = try #require(last.data).dropFirst("sluice-".count)
            try server.waitForLog("line with the code \(code)") {
                $0["plugin"] == "fails-silently" && $0["code"] == String(code)
            }
        }
    }

    @Test(
        "next breaks the contract: earlier events arrive, later ones do not, and the log names the rule",
        arguments: [
            ("NextAnswersNonsense", "next-answers-nonsense", "42"), ("IdHoldsNewline", "id-holds-newline", "id"),
            ("IdHoldsNul", "id-holds-nul", "NUL"), ("TypeHoldsNewline", "type-holds-newline", "type"),
            ("DataIsNotUTF8", "data-is-not-utf8", "UTF-8"), ("DataIsTooBig", "data-is-too-big?bytes=5000", "2000"),
            ("IdIsTooLong", "id-is-too-long", "1024"),
        ])
    func brokenContract(_ fixture: String, _ target: String, _ rule: String) throws {
        try withServer([fixture], flags: ["--max-event-bytes", "2000"]) { server in
            var events = try server.subscribe("/\(target)\(target.contains("?") ? "&" : "?")tag=a").rest()
            try server.expectClose(of: "a", .failed)
            let error = events.removeLast()
            #expect(error.type == "stream-error")
            #expect(events.compactMap(\.data) == (fixture == "NextAnswersNonsense" ? [] : ["well-formed"]))
            let plugin = String(target.prefix { $0 != "?" })
            let line = try server.waitForLog("line about \(rule)") {
                $0["plugin"] == plugin && ["warning", "error"].contains($0.level) && $0.description.contains(rule)
            }
            #expect(error.data == "sluice-\(line["code"] ?? "")", "the code leads to the line")
        }
    }

    @Test("open breaks the contract: 500, and no close")
    func openAnswersNonsense() throws {
        try withServer(["OpenAnswersNonsense"]) { server in
            let subscriber = try server.subscribe("/open-answers-nonsense?tag=a")
            #expect(try subscriber.head().status == 500)
            try server.waitForLog("line about 42") {
                $0["plugin"] == "open-answers-nonsense" && $0.description.contains("42")
            }
        }
    }

    @Test("open rejects: its own status and message, and no close")
    func rejected() throws {
        try withServer(["RefusesStreams"]) { server in
            let refused = try server.connect()
            try refused.send("GET /refuses-streams?status=403 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let response = try refused.readResponse()
            #expect(response.status == 403)
            #expect(response["Content-Type"] == "application/problem+json")
            #expect(response.body.contains("not for you"))
            // Not a stream, so the connection continues.
            try refused.send("GET /refuses-streams?answer=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try refused.readResponse().status == 204)
            try refused.send("GET /refuses-streams HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try refused.readResponse().status == 500)
        }
    }

    @Test("a pending open that rejects later", arguments: [("1", 204), ("2", 409)])
    func rejectedLater(_ answer: String, _ status: Int) throws {
        try withServer(["OpensLater"]) { server in
            let subscriber = try server.subscribe(opening: "/opens-later?status=\(answer)", tag: "a")
            try server.ledger.wait(for: "open-left", "3", tag: "a")
            server.openGate()
            #expect(try subscriber.head().status == status)
        }
    }

    @Test(
        "a subscriber that does not read is disconnected after the write deadline",
        arguments: ["Floods", "FloodsFromThread"])
    func slow(_ fixture: String) throws {
        let route = fixture == "Floods" ? "/floods" : "/floods-from-thread"
        try withServer([fixture], flags: ["--write-deadline", "2s"]) { server in
            let subscriber = try server.subscribe(opening: "\(route)?bytes=4000", tag: "a", receiveBufferBytes: 4096)
            _ = try subscriber.nextEvent()
            try server.expectClose(of: "a", .slow)
        }
    }

    @Test("a subscriber that reads slowly stays: the kernel has room for megabytes, and reports it late")
    func slowReader() throws {
        try withServer(["Floods", "TicksWithIds"], flags: ["--write-deadline", "3s"]) { server in
            let clock = try server.subscribe("/ticks-with-ids?every=20&tag=clock")
            let subscriber = try server.subscribe(opening: "/floods?bytes=4000", tag: "a", receiveBufferBytes: 4096)
            for _ in 0..<350 {
                _ = try clock.nextEvent()
                _ = try subscriber.nextFrame()
            }
            // More than two deadlines have passed.
            #expect(try server.ledger.isUnclosed("a"))
            subscriber.client.close()
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("a stream does not get older than the maximum age, and its end invites to reconnect")
    func expired() throws {
        try withServer(["WaitsForEver", "SleepsInNext"], flags: ["--max-age", "300ms"]) { server in
            let subscriber = try server.subscribe("/waits-for-ever?tag=a")
            let blocking = try server.subscribe("/sleeps-in-next?tag=b")
            let events = try subscriber.rest()
            #expect(events.contains { $0.retry != nil })
            #expect(events.compactMap(\.data) == ["the only one"])
            #expect(!events.contains { $0.type == "stream-error" })
            #expect(try blocking.rest().compactMap(\.data) == ["about to sleep"])
            try server.expectClose(of: "a", .expired)
            try server.expectClose(of: "b", .expired)
        }
    }
}
