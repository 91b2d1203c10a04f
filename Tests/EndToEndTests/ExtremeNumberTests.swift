import Glibc
import Settings
import TestSupport
import Testing

@Suite("The largest and smallest numbers", .onTestThreads)
struct ExtremeNumberTests {
    @Test("from a plugin: times to wait, to sleep, to schedule and to reconnect")
    func plugin() throws {
        try withServer([fixturePlugin("HandsOverExtremes")]) { server in
            let events = try server.subscribe("/hands-over-extremes?tag=a").rest().filter { $0.data == "x" }
            #expect(events.count == 3)
            #expect(events.allSatisfy { $0.retry == .max })
            #expect(!server.ledger.entries.contains { $0.details == ["called-too-early"] })
        }
        try withServer([fixturePlugin("HandsOverExtremes", defines: ["SLEEPS"])]) { server in
            let subscriber = try server.subscribe("/hands-over-extremes?tag=a")
            #expect(try subscriber.nextEvent().data == "slept")
            subscriber.client.reset()
            try server.ledger.wait(for: "close-left", tag: "a")
        }
    }

    @Test("from a request: history, id, parameter, length of a body")
    func request() throws {
        try withServer(["SharedTicks"]) { server in
            let first = try server.subscribe("/shared-ticks")
            let id = try #require(try first.nextEvent().id)
            let epoch = id.prefix { $0 != "-" }
            let huge = String(repeating: "9", count: 40)
            for number in [huge, "\(Int64.max)", "\(UInt64.max)", "18446744073709551616", "0", "00"] {
                #expect(try server.subscribe("/shared-ticks?history=\(number)").head().status == 200)
                let headers = [("Last-Event-ID", "\(epoch)-\(number)")]
                #expect(try server.subscribe("/shared-ticks", headers: headers).head().status == 200)
            }
            for number in ["-1", "\(Int64.min)", "1e9"] {
                #expect(try server.subscribe("/shared-ticks?history=\(number)").head().status == 400)
            }
            for number in [huge, "9223372036854775808", "-9223372036854775809", "1e400"] {
                #expect(try server.subscribe("/shared-ticks?every=\(number)").head().status == 400)
            }
            for number in ["\(Int64.max)", "\(Int64.min)", huge, "-1"] {
                let client = try server.connect()
                try client.send("POST /shared-ticks HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(number)\r\n\r\n")
                // Whatever the answer says, there is exactly one.
                let status = try client.read(through: "\r\n")
                #expect(status.hasPrefix("HTTP/1.1 4"), "\(number): \(status)")
            }
            #expect(try first.nextEvent().data != nil)
        }
    }

    /// The flags that set every number to one end of its range, according to the settings' own messages.
    /// - Parameter excluded: settings for which a slow machine would be too slow.
    private func flags(_ end: Int, but excluded: Set<String> = []) throws -> [String] {
        try SettingTable.server.names.filter { !excluded.contains($0) }.flatMap { key throws -> [String] in
            let sources = SettingSources(flags: [key: "?"], environment: [:])
            guard let error = #expect(throws: SettingError.self, performing: { try Settings(sources) }),
                let found = error.description.firstMatch(of: /from (\w+) to (\w+)/)?.output
            else { return [] }
            return ["--\(key)", String(end == 0 ? found.1 : found.2)]
        }
    }

    private static let others: Set = [
        "plugins", "listen", "insecure-plugins", "control", "watch", "auth-keys", "auth-tokens",
    ]

    @Test("in the settings: a server with the largest possible numbers serves, reloads and ends")
    func largest() throws {
        let flags = try flags(1, but: Self.others)
        #expect(flags.count > 40)
        try withServer(["SharedTicks", "TicksWithIds"], flags: flags) { server in
            for route in ["/shared-ticks", "/ticks-with-ids?every=10"] {
                let subscriber = try server.subscribe(route)
                for _ in 0..<3 { #expect(try subscriber.nextEvent().data != nil) }
            }
            try server.reload()
        }
    }

    @Test("the same with the smallest")
    func smallest() throws {
        let slow: Set = ["probe-deadline", "head-timeout", "idle-timeout", "drain-deadline", "probe-memory"]
        let flags = try flags(0, but: Self.others.union(slow))
        try withServer(["TicksWithIds"], flags: flags) { server in
            // The maximum age ends it soon.
            #expect(
                blockingEventually {
                    (try? server.subscribe("/ticks-with-ids?every=1").rest().contains { $0.data != nil }) ?? false
                })
            try server.reload()
        }
    }

    @Test("a configuration with a number that is too precise changes nothing in a running server")
    func reload() throws {
        let place = TemporaryDirectory()
        let path = place.write("keep-alive: 1h\n".utf8, to: "sluice.yaml")
        try withServer(["WaitsForEver"], flags: ["--config", path]) { server in
            place.write("keep-alive: 0.00000000000000000001\n".utf8, to: "sluice.yaml")
            let verb = try server.run("reload")
            #expect(verb.status == 1 && verb.error.contains("sluice.yaml:1: keep-alive: expected a time"), "\(verb)")
            for timeout in ["0", "-1", "\(Int64.max)", "86401"] {
                let verb = try server.run("reload", "--timeout=\(timeout)")
                #expect(verb.status == 2 && verb.error.contains("from 1 to 86400, not '\(timeout)'"), "\(verb)")
            }
        }
    }
}
