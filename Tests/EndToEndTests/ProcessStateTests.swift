import Glibc
import TestSupport
import Testing

/// Plugins that change what belongs to the whole process, by one call of the C library each.
@Suite("A server keeps the state of its process", .onTestThreads)
struct ProcessStateTests {
    /// Opens one stream, and waits until the log says that what that changed is put back.
    private func change(_ server: SluiceServer, _ target: String, _ what: String) throws {
        let start = server.logLines.count
        #expect(try server.subscribe(target).nextEvent().data != nil)
        try waitForLine(server, what, from: start)
    }

    @discardableResult
    private func waitForLine(_ server: SluiceServer, _ what: String, from start: Int = 0) throws -> LogLine {
        try server.waitForLog("line about \(what)", from: start) {
            $0.message == "a plugin changed something that the whole process shares; it has been restored"
                && $0["changed"]?.contains(what) == true && $0.level == "warning"
        }
    }

    @Test("nothing is said of a plugin that changes nothing")
    func nothing() throws {
        try withServer(["LogsWithoutEnd"]) { server in
            #expect(try server.subscribe("/logs-without-end?count=2000").nextEvent().data == "logged")
            // A second later: by then all was looked at.
            try server.waitForLog("count of lines") { $0.message.hasPrefix("log lines left out") }
            try server.reload()
            #expect(!server.logLines.contains { $0.message.contains("whole process") })
        }
    }

    @Test("clearenv: settings, probes and new plugins are as before")
    func environment() throws {
        try withServer(["ClearsEnvironment"], environment: ["SLUICE_MAX_STREAMS": "77"]) { server in
            // A reload that comes at once, and one behind it.
            #expect(try server.subscribe("/clears-environment").nextEvent().data == "cleared")
            try server.install("WaitsForEver")
            try server.reload()
            #expect(try server.subscribe("/waits-for-ever").nextEvent().data == "the only one")
            try change(server, "/clears-environment", "the environment")
            let start = server.logLines.count
            try server.install("TicksWithIds")
            try server.reload()
            #expect(try server.subscribe("/ticks-with-ids?count=1").nextEvent().data == "1")
            #expect(!server.logLines[start...].contains { $0.message == "settings changed" })
            let line = try waitForLine(server, "the environment")
            #expect(line["loaded_last"]?.hasSuffix(".so") == true)
        }
    }

    /// Started where its plugins and its configuration are, and told so by relative paths.
    @Test("chdir: relative paths are those of the start")
    func directory() throws {
        let words = "cd \"${3%/*}\"; shift 3; exec '\(BuiltProducts.sluice)' serve ./plugins \"$@\""
        try withServer(["ChangesDirectory"], prefix: ["/bin/sh", "-c", words, "sh"]) { server in
            let line = try waitForLine(server, "the working directory")
            #expect(line["loaded_last"]?.hasSuffix("/ChangesDirectory.so") == true)
            let first = try server.subscribe("/changes-directory").nextEvent().data
            #expect(first.map { realpath(of: $0) } == realpath(of: server.directory.path))
            server.directory.write("max-streams: 77\n".utf8, to: "sluice.yaml")
            try server.install("WaitsForEver")
            try server.reload()
            try server.waitForLog("settings changed", ["settings": "max-streams"])
            #expect(try server.subscribe("/waits-for-ever").nextEvent().data == "the only one")
        }
    }

    private func realpath(of path: String) -> String? {
        guard let resolved = Glibc.realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    @Test("signals that a plugin ignores reach the server")
    func signals() throws {
        try withServer(["ReplacesSignalHandlers"]) { server in
            try waitForLine(server, "the disposition of SIGTERM SIGCHLD")
            try change(
                server, "/replaces-signal-handlers",
                "the disposition of SIGTERM SIGINT SIGHUP SIGUSR1 SIGPIPE SIGSEGV SIGABRT")
            try server.reload()
            server.signal(SIGTERM)
            #expect(try server.waitForExit() == .status(0))
        }
    }

    @Test("the mask of new files, and limits")
    func maskAndLimits() throws {
        try withServer(["ChangesFileMask", "LowersLimits"]) { server in
            let (mask, limits) = (line(server, "status", "Umask"), line(server, "limits", "Max open files"))
            #expect(mask != nil && limits != nil)
            try change(server, "/changes-file-mask", "the file mode mask (0)")
            // There is no descriptor to hand its own stream over.
            #expect(try server.subscribe("/lowers-limits").head().status == 503)
            try waitForLine(server, "RLIMIT_NOFILE")
            #expect(line(server, "status", "Umask") == mask && line(server, "limits", "Max open files") == limits)
        }
    }

    private func line(_ server: SluiceServer, _ file: String, _ name: String) -> Substring? {
        let text = String(decoding: readFile("/proc/\(server.program.pid)/\(file)") ?? [], as: UTF8.self)
        return text.split(separator: "\n").first { $0.hasPrefix(name) }
    }

    @Test("closed standard descriptors: the log goes on, and they are opened again")
    func descriptors() throws {
        try withServer(["ClosesStandardDescriptors"]) { server in
            let folder = "/proc/\(server.program.pid)/fd"
            let before = (0...2).map { linkTarget("\(folder)/\($0)") }
            try change(server, "/closes-standard-descriptors", "standard input, standard output, standard error")
            #expect((0...2).map { linkTarget("\(folder)/\($0)") } == before)
        }
    }
}
