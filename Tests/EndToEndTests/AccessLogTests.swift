import TestSupport
import Testing

@Suite("The access log", .onTestThreads)
struct AccessLogTests {
    private func answer(_ target: String, _ server: SluiceServer) throws -> Int {
        let client = try RawClient(port: server.port)
        try client.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test/1 \"a\"\r\n\r\n")
        return try client.readResponse(toHead: true).status
    }

    @Test("has a line for each error, and for everything with --access-log all; never with a query")
    func lines() throws {
        for (flags, targets) in [
            ([], ["/missing"]), (["--access-log", "all"], ["/missing", "/waits-for-ever", "/refuses-streams"]),
            (["--access-log", "none"], []),
        ] as [([String], [String])] {
            try withServer(["WaitsForEver", "RefusesStreams"], flags: flags) { server in
                #expect(try answer("/missing?token=secret", server) == 404)
                #expect(try answer("/waits-for-ever?token=secret", server) == 200)
                #expect(try answer("/refuses-streams?answer=1&token=secret", server) == 204)
                // Lines are written in the order in which they are logged.
                _ = try server.run("reload")
                try server.waitForReload(from: 0)
                let lines = server.program.errors.lines
                let requests = lines.filter { $0.message == "request" }
                #expect(requests.map { $0["path"] } == targets, "\(flags)")
                #expect(!lines.contains { $0.description.contains("secret") })
                guard let line = requests.first else { return }
                #expect(line.level == "info" && line["method"] == "GET" && line["address"] == "127.0.0.1")
                #expect(line["user_agent"] == "test/1 \"a\"")
                #expect(line.description.contains(#""status":404"#) && line.description.contains(#""bytes":"#))
                #expect(line.description.contains(#""duration_ms":"#) && !line.description.contains(#""bytes":""#))
            }
        }
    }

    @Test("so has the first line of a shared stream's subscriber")
    func subscribers() throws {
        try withServer(["SharedTicks"]) { server in
            #expect(try answer("/shared-ticks?tag=secret", server) == 200)
            let joined = try server.waitForLog("the first line") { $0.message == "subscriber joined" }
            #expect(joined["path"] == "/shared-ticks" && joined["address"] == "127.0.0.1")
        }
    }

    @Test("a stream's first line has its path and its client, and its last one numbers")
    func streams() throws {
        try withServer(["EndsAfterCount"]) { server in
            #expect(try answer("/ends-after-count?count=2", server) == 200)
            let opened = try server.waitForLog("the first line") { $0.message == "stream opened" }
            #expect(opened["path"] == "/ends-after-count" && opened["address"] == "127.0.0.1")
            let closed = try server.waitForLog("the last line") { $0.message == "stream closed" }
            #expect(closed.description.contains(#""events":2}"#) && closed.description.contains(#""generation":1,"#))
        }
    }
}

@Suite("Checking a configuration", .onTestThreads)
struct CheckConfigurationTests {
    private let workshop = Workshop()

    private func check(_ arguments: String...) throws -> Verb {
        try Verb(RunningProgram(workshop.words(["serve", "plugins", "--check-config"] + arguments)))
    }

    @Test("tells what is wrong with it, serves nothing, and its status says whether all is well")
    func outcomes() throws {
        try #require(workshop.run("mkdir", "-m", "755", "plugins").status == 0)
        #expect(try check().status == 1, "there is no plugin")
        try #require(workshop.run("cp", try fixturePlugin("WaitsForEver"), "plugins/a.so").status == 0)
        try #require(workshop.run("chmod", "755", "plugins/a.so").status == 0)
        workshop.write("producers: {waits-for-evr: {a: b}}\nlisten: unix:/nonexistent/a.sock\n", to: "sluice.yaml")
        let incomplete = try check()
        #expect(incomplete.status == 1, "a producer is configured that there is not")
        #expect(
            incomplete.error.contains("no loaded plugin has a producer 'waits-for-evr'; did you mean 'waits-for-ever'?")
        )
        workshop.write("producers: {waits-for-ever: {a: b}}\nlisten: unix:/nonexistent/a.sock\n", to: "sluice.yaml")
        let good = try check()
        #expect(
            good.status == 0 && good.output.hasSuffix("/sluice.yaml is valid; plugins: 1 plugin, 1 route"), "\(good)")
        #expect(!good.error.contains("listening"))

        try #require(workshop.run("cp", try fixturePlugin("AbortsInEntry"), "plugins/b.so").status == 0)
        try #require(workshop.run("chmod", "755", "plugins/b.so").status == 0)
        let refused = try check()
        #expect(refused.status == 1 && refused.output.hasSuffix("1 plugin, 1 route, 1 refused"), "\(refused)")
        #expect(refused.error.contains("b.so"))

        workshop.write("retry: soon\n", to: "sluice.yaml")
        let wrong = try check()
        #expect(
            wrong.status == 2 && wrong.output == "" && wrong.error.contains("sluice.yaml:1: retry: expected a time"))
    }
}
