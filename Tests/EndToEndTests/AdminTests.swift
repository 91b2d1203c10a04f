import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("The admin listener", .onTestThreads)
struct AdminTests {
    @Test("health is good from the start to SIGTERM; then the server is not ready, but lives until it ends")
    func life() throws {
        try withServer(["HangsAsTold"], flags: SluiceServer.withAdmin) { server in
            let port = try server.adminPort
            let ready = try server.askAdmin("/health/ready")
            #expect(ready.status == 200 && ready.body == #"{"objections":[],"status":"ready"}"# + "\n")
            #expect(ready["Content-Type"] == "application/json" && ready["Cache-Control"] == "no-store")
            let live = try server.askAdmin("/health/live")
            #expect(live.status == 200 && live.body == #"{"status":"live"}"# + "\n")
            try server.waitForLog("admin listening", ["address": "http://127.0.0.1:\(port)"])
            // Its close waits at the gate.
            let slow = try server.subscribe("/hangs-as-told?in=close&tag=a")
            #expect(try slow.nextEvent().data == "first")
            server.signal(SIGTERM)
            let stopping = try server.waitForAdmin("/health/ready") { $0.status == 503 }
            #expect(stopping.body == #"{"objections":["the server is stopping"],"status":"not ready"}"# + "\n")
            #expect(try server.askAdmin("/health/live").status == 200)
            server.openGate()
            #expect(try server.waitForExit() == .status(0))
            #expect(throws: RawClientError.self) { try RawClient(port: port) }
        }
    }

    @Test("the status is that of sluice status, byte for byte but for the times; HEAD has its head")
    func status() throws {
        try withServer(["WaitsForEver"], flags: SluiceServer.withAdmin) { server in
            let page = try server.askAdmin("/status")
            let verb = try server.run("status", server.pluginDirectory, "--json")
            func masked(_ text: String) -> String { text.replacing(/"(\w*seconds)":[\d.]+/) { "\"\($0.output.1)\":0" } }
            #expect(page.status == 200 && page["Content-Type"] == "application/json")
            #expect(masked(page.body) == masked(verb.output) + "\n")
            let port = try server.adminPort
            #expect(page.body.contains(#""admin":"http://127.0.0.1:\#(port)""#))
            #expect(try server.run("status").output.contains(", admin on http://127.0.0.1:\(port), plugins in "))
            let client = try RawClient(port: port)
            try client.send("HEAD /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let head = try client.readResponse(toHead: true)
            #expect(head.status == 200 && head["Content-Type"] == "application/json")
            // Times in it grow by digits.
            let length = try #require(head["Content-Length"].flatMap { Int($0) })
            #expect(abs(length - page.body.utf8.count) < 20 && client.received.isEmpty)
        }
    }

    @Test("it answers though the public door is full")
    func fullDoor() throws {
        let flags = SluiceServer.withAdmin + ["--max-connections", "2", "--max-pending-opens-per-producer", "2"]
        try withServer(["OpensAtTheGate"], flags: flags) { server in
            let held = try (0..<2).map { try server.subscribe(opening: "/opens-at-the-gate", tag: "\($0)") }
            #expect(try server.askAdmin("/health/ready").status == 200)
            #expect(try server.askAdmin("/status").body.contains(#""connections":2"#))
            server.openGate(times: 2)
            for subscriber in held { #expect(try subscriber.head().status == 200) }
        }
    }

    @Test("a reload's hosts apply to it, too")
    func reload() throws {
        let directory = TemporaryDirectory()
        let configuration = directory.write(Array("retry: 1s\n".utf8), to: "sluice.yaml")
        let flags = SluiceServer.withAdmin + ["--config", configuration, "--insecure-plugins"]
        try withServer(["WaitsForEver"], flags: flags) { server in
            let status = {
                let client = try RawClient(port: server.adminPort)
                try client.send("GET /health/live HTTP/1.1\r\nHost: admin.example\r\n\r\n")
                return try client.readResponse().status
            }
            #expect(try status() == 421)
            directory.write(Array("retry: 1s\nhosts: admin.example\n".utf8), to: "sluice.yaml")
            try server.reload()
            #expect(try blockingEventually { try status() == 200 })
        }
    }

    @Test("a plugin that was refused at the start, and a producer that is configured, are missed until they are there")
    func missingPlugins() throws {
        let directory = TemporaryDirectory()
        let configuration = directory.write(Array("producers: {ticks-with-ids: {a: b}}\n".utf8), to: "sluice.yaml")
        let flags = SluiceServer.withAdmin + ["--config", configuration, "--insecure-plugins"]
        try withServer(["WaitsForEver", "CrashesInConstructor"], flags: flags) { server in
            let port = try server.adminPort
            let missing = try server.askAdmin("/health/ready")
            #expect(missing.status == 503 && missing.body.contains("CrashesInConstructor.so: its constructors"))
            #expect(missing.body.contains("no loaded plugin has a producer 'ticks-with-ids'"))
            server.uninstall("CrashesInConstructor")
            try server.reload()
            let configured = try server.askAdmin("/health/ready", port: port)
            #expect(configured.status == 503 && !configured.body.contains("refused"))
            try server.install("TicksWithIds")
            try server.reload()
            #expect(try server.askAdmin("/health/ready").status == 200)
            // What a later reload brings does not make a server unready that works.
            try server.install("CrashesInConstructor")
            try server.reload()
            #expect(try server.askAdmin("/health/ready").status == 200)
        }
    }

    @Test("a server whose loop does not turn is not ready, and says so at once; then it is again")
    func hangingLoop() throws {
        // Nobody takes the loop over within the test.
        let flags = SluiceServer.withAdmin + ["--loops", "1", "--call-deadline", "60s"]
        try withServer(["HangsAsTold"], flags: flags) { server in
            let stream = try server.subscribe("/hangs-as-told?in=next&tag=a")
            #expect(try stream.nextEvent().data == "first")
            let hanging = try server.waitForAdmin("/health/ready", within: .seconds(20)) { $0.status == 503 }
            #expect(hanging.body.contains("an event loop has not turned for "))
            #expect(try server.askAdmin("/health/live").status == 200)
            // The status waits for the loop in vain, and answers then; health does not wait behind it.
            let status = try RawClient(port: server.adminPort)
            try status.send("GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let before = ContinuousClock.now
            #expect(try server.askAdmin("/health/live").status == 200)
            #expect(ContinuousClock.now - before < .seconds(1))
            #expect(try status.readResponse().status == 200)
            server.openGate()
            _ = try server.waitForAdmin("/health/ready") { $0.status == 200 }
            #expect(try stream.nextEvent().data == "second")
        }
    }

    @Test("readiness on the public listeners, without the reasons; a producer's route takes precedence, with a warning")
    func healthPath() throws {
        try withServer(["WaitsForEver", "ClosesLater"], flags: ["--health-path", "/healthz"]) { server in
            let client = try server.connect()
            try client.send(
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let ready = try client.readResponse()
            #expect(ready.status == 200 && ready.body == #"{"status":"ready"}"# + "\n")
            #expect(try client.readResponse(toHead: true).status == 200)
            #expect(!server.program.output.lines.contains { $0.hasPrefix("admin on") })
        }
        try withServer(["WaitsForEver"], flags: ["--health-path", "/waits-for-ever"]) { server in
            try server.waitForLog(
                "waits-for-ever/waits-for-ever has the route of --health-path, /waits-for-ever, so its stream answers there; change one of the two"
            )
        }
    }

    @Test("it can be a socket in the file system; the health of a server with a base path is below that")
    func file() throws {
        let directory = TemporaryDirectory()
        let socket = "\(directory.path)/admin.sock"
        let flags = ["--admin", "unix:\(socket) mode=600", "--base-path", "/events", "--health-path", "/healthz"]
        try withServer(["WaitsForEver"], flags: flags) { server in
            let curl = ["curl", "-s", "--unix-socket", socket, "http://localhost/health/ready"]
            #expect(try ChildProgram.run(curl).output == #"{"objections":[],"status":"ready"}"# + "\n")
            #expect(try server.run("status").output.contains(", admin on unix:\(socket), plugins in "))
            for (path, status) in [("/events/healthz", 200), ("/healthz", 404)] {
                let client = try server.connect()
                try client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try client.readResponse().status == status, "\(path)")
            }
        }
    }

    @Test("an address that can't be used is named with its setting, in one line")
    func address() throws {
        try withServer(["WaitsForEver"], flags: SluiceServer.withAdmin) { server in
            let words = ["serve", server.pluginDirectory, "--listen", "127.0.0.1:0", "--control", "none"]
            let inUse = try Verb(server.start(words + ["--admin", "127.0.0.1:\(server.adminPort)"]))
            #expect(inUse.status == 1)
            #expect(
                inUse.error.hasPrefix(
                    "sluice: --admin: cannot listen on 127.0.0.1:\(try server.adminPort): the port is in use"),
                "\(inUse)")
            let wrong = try Verb(server.start(words + ["--admin", "9180"]))
            #expect(wrong.status == 2 && wrong.error.contains("--admin: expected HOST:PORT"), "\(wrong)")
        }
    }
}
