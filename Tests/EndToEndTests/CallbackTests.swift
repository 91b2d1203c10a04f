import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("Callbacks into the host", .onTestThreads)
struct CallbackTests {
    @Test(
        "calls from within open, next, close and other calls reach their stream",
        arguments: ["SLUICE_NONBLOCKING", "0"])
    func everywhere(flags: String) throws {
        let plugin = try fixturePlugin(
            "CallsBackEverywhere", defines: ["FIXTURE_NAME=\"calls-back\"", "FIXTURE_FLAGS=\(flags)"])
        try withServer([plugin]) { server in
            let subscriber = try server.subscribe("/calls-back?tag=a")
            let events = ["handler 2", "handler 1", "handler 0", "open 3", "handler 1", "handler 0", "next 1"].map {
                let words = $0.split(separator: " ")
                return "{\"place\":\"\(words[0])\",\"depth\":\(words[1])}"
            }
            for event in events { #expect(try subscriber.nextEvent().data == event) }
            subscriber.client.close()
            try server.expectClose(of: "a", .disconnected)
            try server.ledger.wait(for: "note", "sum")
            let note = try #require(server.ledger.entries.last { $0.what == "note" })
            #expect(note.details == ["sum", "6"])
        }
    }

    @Test("a storm of 8 threads arrives complete where the queue has room for it")
    func storm() throws {
        try withServer(["CallbackStorm"], flags: ["--handoff-bytes", "4194304"]) { server in
            let subscriber = try server.subscribe("/callback-storm?count=20000&tag=a")
            var numbers: Set<String> = []
            for _ in 1...20_000 {
                let data = try #require(try subscriber.nextEvent().data)
                #expect(data.hasSuffix(#","text":"\"text\"\n"}"#))
                numbers.insert(String(data.prefix { $0 != "," }))
            }
            #expect(numbers.count == 20_000)
            subscriber.client.close()
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test(
        "what a storm has no room for is dropped, the newest or the oldest, and counted",
        arguments: ["newest", "oldest"])
    func dropping(_ which: String) throws {
        try withServer(["CallbackStorm"], flags: ["--handoff-bytes", "4096"]) { server in
            let signature = "n:+i64,+_:+str;+full%3Ddrop-\(which)"
            // It reads nothing for a while, so that the queue fills up; with short segments the kernel keeps little for it.
            let subscriber = try server.subscribe(
                opening: "/callback-storm?count=100000&signature=\(signature)", tag: "a", receiveBufferBytes: 4096,
                segmentBytes: 536)
            try server.waitForLog("drop") { line in
                line.message.contains("dropped the \(which) event")
            }
            var last = 0
            // Numbers that other threads took later may come earlier.
            while last < (which == "oldest" ? 99_900 : 1) {
                let data = try #require(try subscriber.nextEvent().data)
                last = max(last, Int(data.filter(\.isNumber)) ?? 0)
            }
            subscriber.client.close()
            try server.expectClose(of: "a", .disconnected)
            server.signal(SIGUSR1)
            let line = try server.waitForLog("ledger", ["producer": "callback-storm"])
            #expect(Int(line["dropped"] ?? "") ?? 0 > 0)
        }
    }

    @Test("a storm that has no room fails the stream, if it is to")
    func failing() throws {
        try withServer(["CallbackStorm"], flags: ["--handoff-bytes", "4096"]) { server in
            // It reads nothing until then, so that the queue fills up however fast the server is.
            let subscriber = try server.subscribe(
                opening: "/callback-storm?count=100000&signature=n:+i64,+_:+str;+full%3Dfail", tag: "a",
                receiveBufferBytes: 4096, segmentBytes: 536)
            try server.expectClose(of: "a", .failed)
            let rest = try subscriber.rest()
            #expect(rest.last?.type == "stream-error")
            #expect(rest.last?.data == "events came faster than they could be sent")
        }
    }

    @Test("a library that calls on after close, for many streams and across a reload, does no harm, and is named")
    func late() throws {
        try withServer(["CallsBackLate"]) { server in
            for round in 0..<3 {
                let subscribers = try (0..<40).map {
                    try server.subscribe(opening: "/calls-back-late?ms=2000", tag: "\(round).\($0)")
                }
                for subscriber in subscribers { #expect(try subscriber.nextEvent().data == "{\"n\":1}") }
                for subscriber in subscribers { subscriber.client.close() }
                for number in 0..<40 { try server.expectClose(of: "\(round).\(number)", .disconnected) }
                // The next generation serves while the library of this one still calls.
                if round == 1 {
                    try server.install("CallsBackLate", appending: [UInt8(round)])
                    server.signal(SIGHUP)
                    try server.waitForLog("reloaded", ["replaced": "1"])
                }
            }
            let line = try server.waitForLog("late call") { line in
                line.message.contains("was called after the close of its stream")
            }
            #expect(line["producer"] == "calls-back-late")
            // Each of the libraries' threads comes to its end: none was let in again once it had been shut out.
            let ends = { server.ledger.entries.filter { $0.what == "note" && $0.details.first == "live" } }
            #expect(blockingEventually(within: .seconds(20)) { ends().count == 120 })
            #expect(ends().allSatisfy { $0.details == ["live", "1", "late", "1"] })
            server.signal(SIGUSR1)
            let totals = try server.waitForLog("totals")
            #expect(totals["functions"] == "0")
            #expect(totals["tombstones"] == "240")
            #expect(Int(totals["function_bytes"] ?? "") ?? 0 >= 240 * 100)
        }
    }

    @Test("a thousand streams with functions of their own come and go, and what they leave is shown")
    func churn() throws {
        let plugin = try fixturePlugin(
            "CallsBackEverywhere", defines: ["FIXTURE_NAME=\"calls-back\"", "FIXTURE_FLAGS=SLUICE_NONBLOCKING"])
        try withServer([plugin]) { server in
            for round in 0..<10 {
                let subscribers = try (0..<100).map { try server.subscribe("/calls-back?tag=\(round).\($0)") }
                for subscriber in subscribers { _ = try subscriber.nextEvent() }
                for subscriber in subscribers { subscriber.client.reset() }
            }
            #expect(
                blockingEventually(within: .seconds(20)) {
                    server.ledger.entries.count { $0.what == "close-left" } == 1000
                })
            server.signal(SIGUSR1)
            let totals = try server.waitForLog("totals")
            #expect(totals["functions"] == "0" && totals["tombstones"] == "2000")
            let line = try server.waitForLog("ledger", ["producer": "calls-back"])
            #expect(line["late_calls"] == "0" && line["dropped"] == "0")
        }
    }

    @Test("there is an end to the number of functions: then bind says so, and everything else goes on")
    func bound() throws {
        try withServer(["BindsManyTimes"]) { server in
            let greedy = try server.subscribe("/binds-many-times?count=100000&tag=a")
            #expect(try greedy.nextEvent(within: .seconds(30)).data == "65536 2 3")
            let line = try server.waitForLog("the limit") { $0.message.hasPrefix("host->bind created no function") }
            #expect(line.message.contains("there are already 65536 functions, and none can be reused yet"))
            #expect(line["producer"] == "binds-many-times")
            greedy.client.close()
            try server.expectClose(of: "a", .disconnected)
            // They rest now, and are no more than that.
            let client = try server.connect()
            try client.send("GET /binds-many-times?count=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try client.readResponse().status == 503)
            server.signal(SIGUSR1)
            let totals = try server.waitForLog("totals")
            #expect(totals["functions"] == "0" && totals["tombstones"] == "65536")
            #expect((1...(16 << 20)).contains(Int(totals["function_bytes"] ?? "") ?? 0))
        }
    }
}
