import EventStream
import ProducerInterface
import TestSupport
import Testing

@Suite("The host's services for plugins", .onTestThreads)
struct HostServiceTests {
    @Test("emit from the plugin's thread: everything arrives, in order")
    func emit() throws {
        try withServer(["EmitsFromThread"]) { server in
            let subscriber = try server.subscribe("/emits-from-thread?count=3000&tag=a")
            for number in 1...3000 { #expect(try subscriber.nextEvent().data == String(number)) }
            subscriber.client.close()
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("emit from four threads at once: everything arrives, once")
    func emitStorm() throws {
        try withServer(["EmitStorm"]) { server in
            let subscriber = try server.subscribe("/emit-storm?count=8000&tag=a")
            var numbers: Set<String> = []
            for _ in 1...8000 { numbers.insert(try subscriber.nextEvent().data ?? "") }
            #expect(numbers.count == 8000)
            subscriber.client.reset()
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("emit while the subscriber disconnects: the storm is told that the stream has ended")
    func emitIntoClose() throws {
        try withServer(["EmitStorm"]) { server in
            for number in 0..<30 {
                let subscriber = try server.subscribe("/emit-storm?tag=\(number)")
                _ = try subscriber.nextEvent()
                Departure.allCases[number % 2].leave(subscriber.client)
            }
            for number in 0..<30 { try server.expectClose(of: String(number), .disconnected) }
        }
    }

    @Test("wake from a thread: no wake is lost")
    func wake() throws {
        try withServer(["WakesFromThread"]) { server in
            let streams = try (0..<8).map { try server.subscribe("/wakes-from-thread?count=2000&tag=\($0)") }
            for stream in streams {
                #expect(try stream.rest().compactMap(\.data) == (1...2000).map(String.init))
            }
            for number in 0..<8 { try server.expectClose(of: String(number), .completed) }
        }
    }

    @Test("schedule: runs on the stream's loop or thread, in order, and never after its close")
    func schedule() throws {
        try withServer(["SchedulesItself"]) { server in
            let subscriber = try server.subscribe("/schedules-itself?tag=a")
            for number in 1...100 { #expect(try subscriber.nextEvent().data == String(number)) }
            subscriber.client.close()
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("a close that is completed later, or before it returns", arguments: ["ClosesLater", "ClosedWhileClosing"])
    func asynchronousClose(_ fixture: String) throws {
        let route = fixture == "ClosesLater" ? "/closes-later" : "/closed-while-closing"
        try withServer([fixture]) { server in
            #expect(try server.subscribe("\(route)?count=3&tag=a").rest().count { $0.data == "tick" } == 3)
            try server.expectClose(of: "a", .completed)
            let leaver = try server.subscribe("\(route)?tag=b")
            _ = try leaver.nextEvent()
            leaver.client.close()
            try server.expectClose(of: "b", .disconnected)
            try server.ledger.wait(for: "closed", tag: "b")
        }
    }

    @Test("an answer to a pending open that comes before open returns")
    func answeredWhileOpening() throws {
        try withServer(["AnswersWhileOpening"]) { server in
            #expect(try server.subscribe("/answers-while-opening?tag=a").rest().compactMap(\.data) == ["through"])
            try server.expectClose(of: "a", .completed)
        }
    }

    @Test("a handle that is used after its stream's close is recognized, does nothing, and is logged")
    func staleHandle() throws {
        try withServer(["UsesStaleHandle"]) { server in
            for tag in ["a", "b", "c"] {
                let subscriber = try server.subscribe("/uses-stale-handle?tag=\(tag)")
                _ = try subscriber.nextEvent()
                subscriber.client.close()
                try server.expectClose(of: tag, .disconnected)
            }
            // The old handles must not affect streams that reuse the freed places.
            let heirs = try (0..<3).map { try server.subscribe("/uses-stale-handle?tag=heir\($0)") }
            for heir in heirs { #expect(try heir.nextEvent().data == "tick") }
            try server.ledger.wait(for: "note", "taken")
            try server.waitForLog(
                "host->emit was called for a stream that is over",
                ["plugin": "uses-stale-handle", "producer": "uses-stale-handle"])
            try server.ledger.settle()
            let taken = server.ledger.entries.filter { $0.what == "note" }.compactMap(\.details.last)
            #expect(taken.allSatisfy { $0 == "0" }, "the host obeyed a stale handle: \(taken)")
            for (number, heir) in heirs.enumerated() {
                #expect(try server.ledger.isUnclosed("heir\(number)"))
                heir.client.close()
                try server.expectClose(of: "heir\(number)", .disconnected)
            }
        }
    }

    @Test("a non-blocking producer that stalls its loop is named and moved to threads; others do not notice")
    func demotion() throws {
        try withServer(["StallsItsLoop", "TicksWithIds"], flags: ["--loops", "1"]) { server in
            let stalling = try server.subscribe("/stalls-its-loop?tag=a")
            for number in 1...3 { #expect(try stalling.nextEvent().data == String(number)) }
            let line = try server.waitForLog("line about the stall") {
                $0["plugin"] == "stalls-its-loop" && $0.message.contains("its streams run on threads")
            }
            #expect(line["producer"] == "stalls-its-loop")
            // A new stream of the producer has a thread from the start, and the loop is free for others.
            let second = try server.subscribe("/stalls-its-loop?tag=b")
            _ = try second.nextEvent()
            let other = try server.subscribe("/ticks-with-ids?count=20&every=1&tag=c")
            let start = ContinuousClock.now
            #expect(try other.rest().count { $0.data != nil } == 20)
            print("20 events beside a stalling producer took \(ContinuousClock.now - start)")
            #expect(server.ledger.stream("b")!.threads != server.ledger.stream("a")!.threads)
            stalling.client.close()
            second.client.close()
            try server.expectClose(of: "a", .disconnected)
            try server.expectClose(of: "b", .disconnected)
        }
    }

    @Test("the request as open sees it, and the headers that it can add")
    func request() throws {
        try withServer(["TellsTheRequest"]) { server in
            let target = "/tells-the-request?name=caf%C3%A9+au%20lait&last_event_id=41"
            let subscriber = try server.subscribe(target, headers: [("X-Asked", "one"), ("x-asked", "two")])
            #expect(try subscriber.head()["X-Fixture"] == "seen")
            #expect(try subscriber.head()["X-Injected"] == nil)
            #expect(
                try subscriber.nextEvent().data == """
                    method=GET
                    path=/tells-the-request
                    last-event-id=41
                    x-asked=one, two
                    name=café au lait
                    remote-address=127.0.0.1
                    colour=(none)
                    cookie=(none)
                    body=(none)
                    """)
            let header = try server.subscribe("/tells-the-request?lastEventId=7", headers: [("Last-Event-ID", "8")])
            #expect(try header.nextEvent().data?.contains("last-event-id=8\n") == true)
            let query = try server.subscribe("/tells-the-request?lastEventId=7")
            #expect(try query.nextEvent().data?.contains("last-event-id=7\n") == true)
        }
    }

    @Test("a body for a producer that accepts one, and the operator's configuration")
    func bodyAndConfiguration() throws {
        let directory = TemporaryDirectory()
        let file = directory.write(
            """
            producers:
              tells-the-request:
                colour: green

            """.utf8, to: "sluice.yaml")
        try withServer(["TellsTheRequest", "WaitsForEver"], flags: ["--config", file, "--max-body-bytes", "1000"]) {
            server in
            let client = try server.connect()
            try client.send(
                "POST /tells-the-request HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{\"a\": 42}")
            let told = try TestSubscriber(on: client).nextEvent().data ?? ""
            #expect(told.contains("method=POST\n"))
            #expect(told.contains("colour=green\n"))
            #expect(told.hasSuffix("body={\"a\": 42}"))

            let large = try server.connect()
            try large.send("POST /tells-the-request HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n")
            #expect(try large.readResponse().status == 413)
            let wrong = try server.connect()
            try wrong.send("POST /waits-for-ever HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
            let response = try wrong.readResponse()
            #expect(response.status == 405)
            #expect(response["Allow"]?.contains("GET") == true)
        }
    }
}
