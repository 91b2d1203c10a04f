import Glibc
import TestSupport
import Testing

/// What a plugin does to its process while it is loaded, it does to a child of the server.
@Suite("The probe", .onTestThreads)
struct ProbeTests {
    /// Each fixture, and what the one line about it says.
    static let refused: [(fixture: String, reason: String)] = [
        ("CrashesInConstructor", "its constructors ended the probe (SIGSEGV)"),
        ("AbortsInEntry", "its entry ended the probe (SIGABRT), after writing \"the licence has expired\""),
        ("ExitsInConstructor", "its constructors ended the process (exit status 0)"),
        ("ExitsInEntry", "its entry ended the process (exit status 3)"),
        ("LeavesAtOnce", "its entry ended the process (exit status 4)"),
        ("LoopsInConstructor", "its constructors did not finish within 4 s"),
        ("SleepsInEntry", "its entry did not finish within 4 s"),
        ("DeadlocksInConstructor", "its constructors did not finish within 4 s"),
        ("KillsItself", "its constructors ended the probe (SIGKILL)"),
        ("TerminatesItself", "its entry ended the probe (SIGTERM)"),
        ("EatsMemory", "its constructors ran out of memory (64 MiB"),
        ("LeavesChild", "it starts a process while it is loaded"),
        ("ClosesDescriptors", "its constructors closed the descriptors of the process"),
    ]
    static let accepted = ["PrintsRubbish", "EndsAfterCount"]
    static let flags = ["--probe-deadline", "4s", "--probe-memory", "64M"]

    @Test(
        "at start: each bad plugin gets one line that says what it did, and the good ones are served")
    func atStart() throws {
        try withServer(Self.refused.map(\.fixture) + Self.accepted, flags: Self.flags) { server in
            for (fixture, reason) in Self.refused { try server.expectRefusal(of: fixture, reason, from: 0) }
            try server.expectAllAccepted()
            #expect(Self.probes(of: server).isEmpty, "a probe, or a child of one, is still there")
        }
    }

    @Test("on reload: the same, while a stream goes on, and old generations keep serving")
    func onReload() throws {
        // Each serves already when its bad version comes.
        try withServer(["TicksWithIds"] + Self.accepted, flags: Self.flags) { server in
            let ticking = try server.subscribe("/ticks-with-ids?tag=a")
            _ = try ticking.nextEvent()
            for (fixture, _) in Self.refused { try server.install(fixture) }
            // One that serves gets a version that crashes.
            try server.install("CrashesInConstructor", as: "EndsAfterCount")
            let start = server.logLines.count
            server.signal(SIGHUP)
            try server.waitForLog("end of the reload", from: start, within: .seconds(60)) { $0.message == "reloaded" }
            for (fixture, reason) in Self.refused { try server.expectRefusal(of: fixture, reason, from: start) }
            try server.waitForLog("kept", from: start) {
                $0.message == "plugin refused; its old generation keeps serving" && $0["plugin"] == "ends-after-count"
            }
            try server.expectAllAccepted()
            // No beat of it was lost.
            var last = 0
            for _ in 0..<5 {
                let number = try ticking.nextEvent().data.flatMap { Int($0) } ?? -1
                #expect(last == 0 || number == last + 1)
                last = number
            }
            #expect(try server.ledger.isUnclosed("a"))
            #expect(Self.probes(of: server).isEmpty, "a probe, or a child of one, is still there")
        }
    }

    @Test("a server that is told to stop does not wait for a probe, and leaves none behind: at any moment of a reload")
    func stopping() throws {
        var random = SeededRandom.fromEnvironment(test: "stopping amid a reload")
        for round in 0..<12 {
            try withServer(["WaitsForEver"], flags: ["--probe-deadline", "10m"]) { server in
                for name in ["a", "b", "c"] { try server.install("SleepsInEntry", as: name) }
                let start = server.logLines.count
                server.signal(SIGHUP)
                try server.waitForLog("begin of the reload", from: start) { $0.message == "reloading" }
                // Before there are probes, while they begin, or while they hang.
                usleep(UInt32.random(in: 0...(round < 4 ? 1000 : 40_000), using: &random))
                server.signal(SIGTERM)
                #expect(try server.waitForExit(.seconds(30)) == .status(0))
                #expect(Self.probes(of: server).isEmpty)
            }
        }
    }

    @Test("a probe whose server is gone before it can tell the kernel to be ended with it does not begin")
    func orphaned() throws {
        let words = [BuiltProducts.sluice, "probe", try fixturePlugin("SleepsInEntry"), "--parent"]
        #expect(try ChildProgram.run(words + ["\(Int32.max)"]).status == 117)
    }

    @Test(
        "a probe has no descriptor of the server, and all of its own: without those, threads of Swift's runtime would end it"
    )
    func descriptors() throws {
        try withServer(["WaitsForEver"], flags: ["--probe-deadline", "10m"]) { server in
            _ = try server.subscribe("/waits-for-ever?tag=a").nextEvent()
            try server.install("SleepsInEntry")
            server.signal(SIGHUP)
            // It is in the plugin's code once the report has gone to its place.
            let open = try #require(
                Self.lookAgain {
                    Self.probes(of: server).first.map(Self.descriptors).flatMap { $0[200] == nil ? nil : $0 }
                })
            #expect(open.values.contains("anon_inode:[eventpoll]"), "\(open)")
            #expect(!open.values.contains { $0.hasPrefix("socket:") }, "\(open)")
        }
    }

    /// Nobody tells when a process opens something, so it is looked at again and again.
    private static func lookAgain<Found>(_ find: () -> Found?) -> Found? {
        var found: Found?
        _ = blockingEventually(within: .seconds(20)) {
            found = find()
            return found != nil
        }
        return found
    }

    /// What a process has open.
    private static func descriptors(of process: String) -> [Int: String] {
        var open: [Int: String] = [:]
        for descriptor in 0..<256 {
            var name = [CChar](repeating: 0, count: 256)
            let length = readlink("/proc/\(process)/fd/\(descriptor)", &name, name.count)
            guard length > 0 else { continue }
            open[descriptor] = String(decoding: name[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return open
    }

    @Test("inspect survives what it looks at", arguments: ["CrashesInConstructor", "ExitsInEntry", "LeavesChild"])
    func inspect(fixture: String) throws {
        let path = try fixturePlugin(fixture)
        let program = try ChildProgram.run([BuiltProducts.sluice, "inspect", path])
        let reason = try #require(Self.refused.first { $0.fixture == fixture }).reason
        #expect(program.status == 1)
        #expect(program.output.hasPrefix("sluice: \(path): \(reason)"), "\(program.output)")
        #expect(program.output.split(separator: "\n").count == 1)
    }

    @Test("the verb is for the server: the help does not name it")
    func hidden() throws {
        #expect(!(try ChildProgram.run([BuiltProducts.sluice, "--help"]).output.contains("probe")))
    }

    /// The processes that have the environment of this server's probes, whoever their parent is by now.
    private static func probes(of server: SluiceServer) -> [String] {
        guard let processes = opendir("/proc") else { return ["/proc can't be read"] }
        defer { closedir(processes) }
        var found: [String] = []
        while let entry = readdir(processes) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard Int(name) != nil, let environment = readFile("/proc/\(name)/environ") else { continue }
            let variables = environment.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            if variables.contains("SLUICE_TEST_LEDGER=\(server.ledger.path)"), variables.contains("SLUICE_PROBE=1") {
                found.append(name)
            }
        }
        return found
    }
}

extension SluiceServer {
    /// Exactly one line about the file, and it says this.
    fileprivate func expectRefusal(of fixture: String, _ reason: String, from start: Int) throws {
        try waitForLog("refusal of \(fixture)", from: start) { $0.description.contains("/\(fixture).so") }
        let lines = logLines[start...].filter { $0.description.contains("/\(fixture).so: ") }
        #expect(lines.count == 1, "\(lines)")
        let error = lines.first?["error"] ?? ""
        #expect(error.contains("/\(fixture).so: \(reason)"), "\(error)")
        #expect(error.contains("; "), "there is no remedy: \(error)")
        #expect(lines.first?.level == "error")
    }

    fileprivate func expectAllAccepted() throws {
        #expect(try subscribe("/prints-rubbish").head().status == 200)
        #expect(try subscribe("/ends-after-count?count=1").rest().contains { $0.data == "1" })
    }
}
