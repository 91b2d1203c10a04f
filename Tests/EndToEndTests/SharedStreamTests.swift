import EventStream
import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("A shared stream", .onTestThreads)
struct SharedStreamTests {
    @Test(
        "opens once for equal parameters, and all see the same events with the same ids",
        arguments: ["ticks", "sleeps"])
    func sharing(_ kind: String) throws {
        try withServer([kind == "ticks" ? "SharedTicks" : "SharedSleeps"], flags: ["--linger", "50ms"]) { server in
            let subscribers = try (0..<6).map { _ in try server.subscribe("/shared-\(kind)?tag=a") }
            // Two threads, or two loops, could open them in either order.
            try server.ledger.wait(for: "open-enter", tag: "a")
            let other = try server.subscribe("/shared-\(kind)?tag=b")
            _ = try other.nextEvent()
            var seen: [[TestEvent]] = []
            for subscriber in subscribers { seen.append(try (0..<20).map { _ in try subscriber.nextEvent() }) }
            let all = Set(seen.joined().map { "\($0.id ?? "no id") \($0.data ?? "")" })
            for events in seen {
                let numbers = events.compactMap(\.data).compactMap { Int($0) }
                #expect(numbers == Array(numbers[0]..<numbers[0] + 20), "an event is missing")
            }
            let span = Set(seen.joined().compactMap(\.data)).count
            #expect(all.count == span, "one number came under two ids")
            try server.ledger.settle()
            #expect(server.ledger.streams.map(\.tag) == ["a", "b"])

            // Only the last one to leave ends it.
            for subscriber in subscribers.dropLast() { subscriber.client.close() }
            for _ in 0..<20 { _ = try subscribers[5].nextEvent() }
            #expect(try server.ledger.isUnclosed("a"))
            subscribers[5].client.close()
            try server.expectClose(of: "a", .disconnected)
            _ = try other.nextEvent()
            #expect(try server.ledger.isUnclosed("b"))
        }
    }

    @Test("a subscriber that reconnects with the last id continues directly after it, in the same stream")
    func resumes() throws {
        try withServer(["SharedTicks"]) { server in
            var numbers: [Int] = []
            var last: String?
            for _ in 0..<5 {
                let subscriber = try server.subscribe(
                    "/shared-ticks?every=5", headers: last.map { [("Last-Event-ID", $0)] } ?? [])
                for _ in 0..<10 {
                    let event = try subscriber.nextEvent()
                    #expect(event.type == nil, "a gap: \(event)")
                    numbers.append(Int(event.data ?? "") ?? -1)
                    last = event.id
                }
                subscriber.client.reset()
            }
            #expect(numbers == Array(numbers[0]..<numbers[0] + 50))
            try server.ledger.settle()
            #expect(server.ledger.streams.count == 1, "it lingers between two visits")
        }
    }

    @Test("a subscriber that reconnects too late is told of the gap first")
    func gap() throws {
        try withServer(["SharedTicks"], flags: ["--history-events", "4"]) { server in
            let subscriber = try server.subscribe("/shared-ticks?every=2")
            let old = try #require(try subscriber.nextEvent().id)
            for _ in 0..<20 { _ = try subscriber.nextEvent() }
            let late = try server.subscribe("/shared-ticks?every=2", headers: [("Last-Event-ID", old)])
            let notice = try late.nextEvent()
            #expect(notice.type == "sluice-gap")
            let next = try late.nextEvent()
            #expect(notice.data?.contains("\"\(next.id ?? "no id")\"") == true, "\(notice)")
        }
    }

    @Test("its end reaches all, and nobody reconnects to it")
    func ends() throws {
        try withServer(["SharedTicks"]) { server in
            let subscribers = try (0..<4).map { _ in try server.subscribe("/shared-ticks?count=20&tag=a&every=20") }
            for subscriber in subscribers {
                let events = try subscriber.rest()
                #expect(subscriber.endMark?.id == "sluice-end")
                #expect(events.compactMap(\.data).last == "20")
            }
            try server.expectClose(of: "a", .completed)
            let back = try server.subscribe(
                "/shared-ticks?count=20&tag=a&every=20", headers: [("Last-Event-ID", "sluice-end")])
            #expect(try back.head().status == 204)
            try server.ledger.settle()
            #expect(server.ledger.streams.count == 1)
        }
    }

    @Test("a subscriber that does not read delays no other")
    func slow() throws {
        try withServer(["SharedTicks"], flags: ["--loops", "1"]) { server in
            let unread = try server.subscribe("/shared-ticks?every=1", receiveBufferBytes: 2048)
            let reader = try server.subscribe("/shared-ticks?every=1")
            let first = Int(try reader.nextEvent().data ?? "") ?? 0
            for number in 1...300 { #expect(try reader.nextEvent().data == String(first + number)) }
            withExtendedLifetime(unread) {}
        }
    }

    @Test("the server stops: closed once, and every subscriber is told to reconnect")
    func shutdown() throws {
        try withServer(["SharedTicks", "SharedSleeps"]) { server in
            let subscribers = try (0..<6).map { try server.subscribe("/shared-\($0 % 2 == 0 ? "ticks" : "sleeps")") }
            for subscriber in subscribers { _ = try subscriber.nextEvent() }
            server.signal(SIGTERM)
            for subscriber in subscribers {
                let rest = try subscriber.client.readToEnd()
                subscriber.client.close()
                #expect(rest.hasSuffix("\r\n0\r\n\r\n") && rest.contains("retry: "), "\(rest.suffix(60))")
            }
            #expect(try server.waitForExit() == .status(0))
            #expect(server.ledger.streams.map(\.reason) == [.shutdown, .shutdown])
        }
    }

    @Test("thousands come and go while its plugin is replaced: each stream closes once, for the right reason")
    func crowd() throws {
        var random = SeededRandom.fromEnvironment(test: "random shared streams")
        let routes = ["a", "b", "c"].flatMap {
            [
                "/shared-ticks?every=1&tag=\($0)", "/shared-sleeps?every=1&tag=\($0)",
                "/shared-ticks?count=5&every=1&tag=\($0)",
            ]
        }
        let flags = ["--linger", "20ms", "--drain-deadline", "50ms", "--write-deadline", "200ms"]
        try withServer(["SharedTicks", "SharedSleeps"], flags: flags) { server in
            let crowd = Crowd(server, routes, threads: 3, visits: 400, isTagged: true, &random)
            for round in 1...10 {
                let fixture = Bool.random(using: &random) ? "SharedTicks" : "SharedSleeps"
                try server.install(fixture, appending: [UInt8](repeating: 1, count: round))
                try server.reload()
                try server.ledger.waitForOpens(round * 3)
            }
            try crowd.wait()
            #expect(crowd.failures.isEmpty)
            let figures = try server.restingFigures()
            try server.expectBalancedLedger()
            for stream in server.ledger.streams where stream.wasOpened {
                let reason = try #require(stream.reason)
                #expect([.disconnected, .completed, .reloaded].contains(reason), "\(stream.name) \(reason)")
            }
            print("\(server.ledger.streams.count) shared streams; at rest \(figures)")
        }
    }
}
