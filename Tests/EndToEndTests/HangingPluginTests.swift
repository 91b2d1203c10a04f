import Glibc
import TestSupport
import Testing

/// Code of a plugin that never returns where nobody else can end it: in the server itself.
@Suite("A plugin that hangs in the server", .onTestThreads)
struct HangingPluginTests {
    @Test("in shutdown: SIGTERM ends the process, the log names the plugin, and the others shut down")
    func shutdownNeverReturns() throws {
        try withServer(["ShutdownNeverReturns", "CountsItsShutdowns"]) { server in
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(30)) == .status(1))
            let line = try server.waitForLog("stopped, although some streams or plugins did not end")
            #expect(line["plugins"] == "shutdown-never-returns (generation 1)")
            #expect(server.logLines.contains { $0.message == "shutting down" })
        }
    }

    @Test("by exit in shutdown: the log says so, and the process ends with a failure")
    func exitsInShutdown() throws {
        try withServer(["ExitsInShutdown"]) { server in
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(30)) == .status(1))
            let line = try server.waitForLog(
                "a plugin, or a library of one, has called exit(3): the process ends, and all streams with it")
            #expect(line.level == "critical")
        }
    }

    @Test("in shutdown, at the end of a trial: reloads go on, the log names it, and SIGTERM ends the process")
    func shutdownAfterTrial() throws {
        try withServer(["ShutdownNeverReturns"], flags: ["--trial-period", "50ms"]) { server in
            try server.install("ShutdownNeverReturns", appending: [0])
            try server.reload()
            try server.waitForLog("report of it", within: .seconds(60)) {
                $0.level == "error" && $0["plugin"] == "shutdown-never-returns (generation 1)"
            }
            try server.install("CountsItsShutdowns")
            try server.reload()
            #expect(try server.run("status", server.pluginDirectory).status == 0)
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(30)) == .status(1))
            #expect(server.logLines.contains { $0.message == "shutting down" })
        }
    }

    @Test("in its entry: it is refused by name, others are loaded, and it is not tried again")
    func entryHangs() throws {
        try withServer(["WaitsForEver"], flags: ["--probe-deadline", "2s"]) { server in
            try server.install("EntryHangsOutsideProbe")
            try server.install("CountsItsShutdowns")
            try server.reload()
            try server.waitForLog("refusal") {
                $0["error"]?.contains("EntryHangsOutsideProbe.so: its entry did not return within 2000 ms") == true
            }
            try server.waitForLog("plugin loaded", ["plugin": "shuts-down"])
            let start = server.logLines.count
            try server.reload()
            try server.waitForLog("second refusal", from: start) {
                $0["error"]?.contains("not retried until the file, a library") == true
            }
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(30)) == .status(1), "it was left behind")
        }
    }

    @Test("in its constructor: it is refused by name, and so is whatever comes after it, at once")
    func constructorHangs() throws {
        try withServer(["WaitsForEver"], flags: ["--probe-deadline", "2s"]) { server in
            try server.install("ConstructorHangsOutsideProbe")
            try server.reload()
            try server.waitForLog("refusal") {
                $0["error"]?.contains("ConstructorHangsOutsideProbe.so: its constructors did not return") == true
            }
            try server.install("CountsItsShutdowns")
            let start = server.logLines.count
            try server.reload()
            try server.waitForLog("refusal of another", from: start) {
                $0["error"]?.contains("CountsItsShutdowns.so: the constructors of") == true
                    && $0["error"]?.contains("ConstructorHangsOutsideProbe.so do not return") == true
            }
            #expect(try server.subscribe("/waits-for-ever?tag=a").nextEvent().data != nil)
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(30)) == .status(1), "it was left behind")
        }
    }

    @Test("in its constructor, for ever: status is answered, and SIGTERM ends the process")
    func stoppingWhileLoading() throws {
        try withServer(["WaitsForEver"], flags: ["--probe-deadline", "10m"]) { server in
            try server.beginLoadingForEver()
            let status = try server.run("status", server.pluginDirectory)
            #expect(status.status == 0 && status.output.contains("a reload runs"), "\(status.output)")
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(30)) == .status(1))
            let line = try server.waitForLog("stopped, although some streams or plugins did not end")
            #expect(line["plugins"]?.hasSuffix("/ConstructorHangsOutsideProbe.so") == true)
        }
    }

    @Test("a second signal ends it at once, while it loads", arguments: [SIGTERM, SIGINT])
    func secondSignal(_ signal: Int32) throws {
        let flags = ["--probe-deadline", "10m", "--shutdown-deadline", "10m"]
        try withServer(["IgnoresInterrupt"], flags: flags, leavesStreams: true) { server in
            let subscriber = try server.subscribe(opening: "/ignores-interrupt", tag: "a")
            _ = try subscriber.nextEvent()
            try server.ledger.waitForNext(2, tag: "a")
            try server.beginLoadingForEver()
            server.signal(SIGTERM)
            try server.waitForLog("stopping")
            server.signal(signal)
            #expect(try server.waitForExit(.seconds(10)) == .status(1))
            let line = try server.waitForLog("stopped at once")
            #expect(line["plugins"]?.hasPrefix("ignores-interrupt (generation 1), ") == true && line["streams"] == "1")
        }
    }

    @Test("before it listens: SIGTERM ends the process")
    func stoppingAtStart() throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        let plugin = directory.write(readFile(try fixturePlugin("ConstructorHangsOutsideProbe"))!, to: "x.so")
        chmod(plugin, 0o755)
        let server = try RunningProgram(
            [
                BuiltProducts.sluice, "serve", directory.path, "--listen", "127.0.0.1:0", "--log-format", "json",
                "--probe-deadline", "10m", "--log-level", "debug", "--control", "none",
            ])
        #expect(server.errors.wait(.seconds(60), until: { $0.message == "plugin probed" }) != nil)
        server.signal(SIGTERM)
        #expect(server.waitForExit(.seconds(30)) == .status(1), "what it loads is left behind")
        withExtendedLifetime(directory) {}
    }
}

extension SluiceServer {
    /// Installs a plugin whose constructor never returns, and has it loaded.
    func beginLoadingForEver() throws {
        try install("ConstructorHangsOutsideProbe")
        signal(SIGHUP)
        // It is loaded from a private copy, which is in memory then.
        let isLoading = blockingEventually(within: .seconds(60)) {
            String(decoding: readFile("/proc/\(program.pid)/maps") ?? [], as: UTF8.self)
                .contains("-ConstructorHangsOutsideProbe.so")
        }
        guard isLoading else { throw TestFailure("the plugin is not loaded") }
    }
}
