import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("Limits by client in a running server", .onTestThreads)
struct ClientLimitTests {
    private static let behindProxy = SluiceServer.withAdmin + ["--trusted-proxies", "127.0.0.1"]

    /// A request that a proxy passes on.
    private func ask(
        _ server: SluiceServer, _ target: String, for client: String, accept: String = "*/*"
    ) throws -> TestSubscriber {
        try server.subscribe(target, headers: [("X-Forwarded-For", client), ("Accept", accept)])
    }

    @Test(
        "a client has so many streams at a time, whoever else has some; each kind of end makes room",
        arguments: ["WaitsForEver", "SharedTicks"])
    func streams(plugin: String) throws {
        let path = plugin == "WaitsForEver" ? "/waits-for-ever" : "/shared-ticks"
        try withServer([plugin], flags: Self.behindProxy + ["--max-streams-per-address", "2"]) { server in
            // The addresses of one /64 are one client.
            let held = try ["2001:db8::1", "2001:db8::ffff:1"].map { try ask(server, path, for: $0) }
            for subscriber in held { _ = try subscriber.nextEvent() }
            let other = try ask(server, path, for: "192.0.2.1")
            _ = try other.nextEvent()

            let refused = try ask(server, path, for: "2001:db8::2")
            #expect(try refused.head().status == 429)
            let wait = try #require(try Int(refused.head()["Retry-After"] ?? ""))
            #expect((5...15).contains(wait))
            let browser = try ask(server, path, for: "2001:db8::2", accept: "text/event-stream")
            #expect(try browser.head().status == 200)
            let events = try browser.rest()
            #expect(events.compactMap(\.data).isEmpty && events.contains { (5000...15_000).contains($0.retry ?? 0) })
            try server.waitForLog(
                "a subscriber was refused", ["reason": "max-streams-per-address", "address": "2001:db8::2"])
            let kind = #"kind="max-streams-per-address""#
            let metrics = try server.metrics()
            #expect(metrics["turned_away_total", kind] == 2 && metrics["refused_requests_total", kind] == 2)

            held[0].client.close()
            held[1].client.reset()
            var again: [TestSubscriber] = []
            let isRoom = try blockingEventually {
                let asking = try ask(server, path, for: "2001:db8::3")
                guard try asking.head().status == 200 else { return false }
                again.append(asking)
                return again.count == 2
            }
            #expect(isRoom)
            #expect(try ask(server, path, for: "2001:db8::4").head().status == 429)
            for subscriber in again + [other] { subscriber.client.close() }
        }
    }

    @Test("a limit can be set, changed and removed in a reload; open streams stay, and nothing is counted twice")
    func reload() throws {
        let place = TemporaryDirectory()
        let path = place.write("trusted-proxies: 127.0.0.1\n".utf8, to: "sluice.yaml")
        try withServer(["WaitsForEver"], flags: ["--config", path]) { server in
            func set(_ limit: Int) throws {
                let text = "trusted-proxies: 127.0.0.1\nmax-streams-per-address: \(limit)\n"
                place.write(text.utf8, to: "sluice.yaml")
                let verb = try server.run("reload")
                #expect(verb.status == 0 && verb.output.contains("max-streams-per-address"), "\(verb)")
            }
            func open(_ tag: String) throws -> TestSubscriber? {
                let subscriber = try ask(server, "/waits-for-ever?tag=\(tag)", for: "192.0.2.1")
                guard try subscriber.head().status == 200 else { return nil }
                _ = try subscriber.nextEvent()
                return subscriber
            }
            let before = try #require(try open("a"))
            try set(1)
            let counted = try #require(try open("b"), "the first one was not counted")
            #expect(try open("c") == nil)
            before.client.close()
            try server.expectClose(of: "a", .disconnected)
            #expect(try open("d") == nil)
            try set(2)
            let second = try #require(try open("e"))
            #expect(try open("f") == nil)
            try set(0)
            let third = try #require(try open("g"))
            for subscriber in [counted, second, third] { subscriber.client.close() }
            for tag in ["b", "e", "g"] { try server.expectClose(of: tag, .disconnected) }
            try set(1)
            let last = try #require(try open("h"))
            #expect(try open("i") == nil)
            last.client.close()
        }
    }

    @Test("a client opens so many streams per second, and is told to wait for one second")
    func opens() throws {
        let flags = Self.behindProxy + ["--max-opens-per-address", "3"]
        try withServer(["EndsAfterCount"], flags: flags) { server in
            var statuses: [Int] = []
            let begin = ContinuousClock.now
            for _ in 0..<12 {
                let subscriber = try ask(server, "/ends-after-count?count=0", for: "192.0.2.1")
                statuses.append(try subscriber.head().status)
                if statuses.last == 429 { #expect(try subscriber.head()["Retry-After"] == "1") }
                subscriber.client.close()
            }
            let seconds = (.now - begin) / .seconds(1)
            let opened = statuses.count { $0 == 200 }
            #expect(statuses.prefix(3) == [200, 200, 200])
            #expect(Set(statuses) == [200, 429] || seconds > 2)
            #expect(Double(opened) <= 3 + 3 * seconds + 1, "in \(seconds) s: \(statuses)")
            #expect(try ask(server, "/ends-after-count?count=0", for: "192.0.2.2").head().status == 200)
            let isBack = try blockingEventually {
                try ask(server, "/ends-after-count?count=0", for: "192.0.2.1").head().status == 200
            }
            #expect(isBack)
        }
    }

    @Test("settings that have no effect are told once, at the start and when a reload brings them")
    func withoutEffect() throws {
        let place = TemporaryDirectory()
        let path = place.write("forwarded-headers: forwarded\n".utf8, to: "sluice.yaml")
        try withServer(["WaitsForEver"], flags: ["--config", path]) { server in
            let warnings = { server.logLines.filter { $0.level == "warning" }.map(\.message) }
            let first = "\(path):1: forwarded-headers has no effect without trusted-proxies"
            #expect(warnings() == [first])
            let verb = try server.run("reload")
            #expect(verb.status == 0 && warnings() == [first])
            let text =
                "forwarded-headers: forwarded\nlisten: [{address: ':1', hosts: a.example}]\ncors: {max-age: 1m}\n"
            place.write(text.utf8, to: "sluice.yaml")
            #expect(try server.run("reload").status == 0)
            #expect(
                warnings() == [
                    first, "\(path):3: cors-max-age has no effect without cors-origins",
                    "\(path):2: the settings of single listeners have no effect: --listen replaces them",
                ])
        }
    }
}
