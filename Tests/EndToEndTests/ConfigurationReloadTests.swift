import Glibc
import TestSupport
import Testing

@Suite("Configuration changes in a reload", .onTestThreads)
struct ConfigurationReloadTests {
    private func withConfiguration(
        _ text: String, plugins: [String], _ body: (SluiceServer, (String) -> Void) throws -> Void
    ) throws {
        let place = TemporaryDirectory()
        let path = place.write(text.utf8, to: "sluice.yaml")
        try withServer(plugins, flags: ["--config", path]) { server in
            try body(server) { place.write($0.utf8, to: "sluice.yaml") }
        }
    }

    @Test("limits, times, log level and hubs take effect, for open streams, too")
    func takenOver() throws {
        try withConfiguration("max-streams: 1\nlog-level: info\n", plugins: ["WaitsForEver"]) { server, write in
            let open = try server.subscribe("/waits-for-ever?tag=a")
            _ = try open.nextEvent()
            #expect(try server.subscribe("/waits-for-ever").head().status == 503)
            write("max-streams: 2\nkeep-alive: 100ms\nlog-level: warning\nretry: 7s\n")
            let verb = try server.run("reload")
            #expect(verb.status == 0)
            #expect(verb.output.contains("settings   log-level, max-streams, keep-alive, retry"), "\(verb)")
            // It waits forever, and with the old keep-alive it would wait for 15 seconds.
            #expect(try open.nextFrame(within: .seconds(8)) == ":\n")
            let start = server.logLines.count
            let second = try server.subscribe("/waits-for-ever?tag=b")
            let retry = try #require(TestEvent(frame: second.nextFrame()).retry)
            #expect((5250...8750).contains(retry))
            _ = try second.nextEvent()
            #expect(try server.subscribe("/waits-for-ever").head().status == 503, "two are the most now")
            second.client.reset()
            try server.ledger.wait(for: "close-left", tag: "b")
            #expect(!server.logLines[start...].contains { $0.message == "stream opened" }, "that is level info")
        }
    }

    @Test(
        "a producer's section takes effect for streams that open later, even if its plugin has not changed"
    )
    func sections() throws {
        func text(_ colour: String) -> String { "producers: {tells-the-request: {colour: \(colour)}}\n" }
        try withConfiguration(text("green"), plugins: ["TellsTheRequest"]) { server, write in
            func told() throws -> String { try server.subscribe("/tells-the-request").nextEvent().data ?? "" }
            #expect(try told().contains("colour=green\n"))
            write(text("blue"))
            let verb = try server.run("reload")
            #expect(verb.status == 0 && verb.output.contains("settings   producers"), "\(verb)")
            #expect(try told().contains("colour=blue\n"))
        }
    }

    @Test("one error, and nothing changes: neither the settings nor the plugins")
    func invalid() throws {
        try withConfiguration("max-streams: 1\n", plugins: ["WaitsForEver"]) { server, write in
            let open = try server.subscribe("/waits-for-ever?tag=a")
            _ = try open.nextEvent()
            try server.install("EndsAfterCount")
            write("max-streams: 5\n\nkeep-alive: soon\n")
            let start = server.logLines.count
            server.signal(SIGHUP)
            let line = try server.waitForLog("error", from: start) { $0.message == "nothing reloaded" }
            #expect(line["error"]?.contains("sluice.yaml:3: keep-alive: expected a time") == true, "\(line)")
            #expect(try server.subscribe("/waits-for-ever").head().status == 503)
            #expect(try server.subscribe("/ends-after-count").head().status == 404)
            let verb = try server.run("reload")
            #expect(verb.status == 1 && verb.error.contains("sluice.yaml:3: keep-alive"), "\(verb)")
            // After the fix, everything is loaded.
            write("max-streams: 5\n")
            #expect(try server.run("reload").output.contains("loaded     ends-after-count\nsettings   max-streams"))
            #expect(try server.subscribe("/ends-after-count?count=1").rest().contains { $0.data == "1" })
        }
    }

    @Test("settings that nothing reads are reported once, with a suggestion, and do no harm")
    func mistyped() throws {
        let place = TemporaryDirectory()
        let path = place.write("producers:\n  waits-for-evr: {colour: green}\n".utf8, to: "sluice.yaml")
        let variables = ["SLUICE_MAX_STREAM": "1", "SLUICE_TEST_NOTHING": "1"]
        try withServer(["WaitsForEver"], flags: ["--config", path], environment: variables) { server in
            let warnings = { server.logLines.filter { $0.level == "warning" }.map(\.message) }
            let first = [
                "unknown environment variable SLUICE_MAX_STREAM; did you mean SLUICE_MAX_STREAMS?",
                "\(path):2: producers: no loaded plugin has a producer 'waits-for-evr'; did you mean 'waits-for-ever'?",
            ]
            #expect(warnings() == first)
            #expect(try server.run("reload").status == 0)
            #expect(warnings() == first, "told once")
            place.write("hubs: {ticks-with-ids: {linger: 1s}}\n".utf8, to: "sluice.yaml")
            #expect(try server.run("reload").status == 0)
            let second = "\(path):1: hubs: no loaded plugin has a producer 'ticks-with-ids'"
            #expect(warnings() == first + [second])
            // The plugin can be added later.
            try server.install("TicksWithIds")
            #expect(try server.run("reload").status == 0)
            #expect(warnings() == first + [second])
        }
    }

    @Test("settings that can't change are named, and the rest changes")
    func fixed() throws {
        try withConfiguration("loops: 2\n", plugins: ["WaitsForEver"]) { server, write in
            write("loops: 3\ncontrol: /elsewhere\nmax-streams: 1\n")
            let start = server.logLines.count
            let verb = try server.run("reload")
            #expect(verb.status == 0)
            #expect(
                verb.output.contains("restart    loops, control: take effect when the server is restarted"), "\(verb)")
            let warning = try server.waitForLog("warning", from: start) { $0.message.hasPrefix("settings not changed") }
            #expect(warning.level == "warning" && warning["settings"] == "loops, control")
            let open = try server.subscribe("/waits-for-ever?tag=a")
            _ = try open.nextEvent()
            #expect(try server.subscribe("/waits-for-ever").head().status == 503)
            #expect(try server.run("status").status == 0, "its socket is where it was")
        }
    }
}
