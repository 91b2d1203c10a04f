import Glibc
import TestSupport
import Testing

@Suite("A place for temporary files that is of no use", .onTestThreads)
struct TemporaryPlaceTests {
    /// What it has mapped of plugins.
    private func mapped(_ server: SluiceServer) -> [String] {
        let maps = String(decoding: readFile("/proc/\(server.program.pid)/maps") ?? [], as: UTF8.self)
        return maps.split(separator: "\n").compactMap { line in
            line.contains("TellsItsGeneration.so") ? line.firstIndex(of: "/").map { String(line[$0...]) } : nil
        }
    }

    /// Serves, and serves another build.
    private func serve(_ server: SluiceServer) throws {
        for build in 1...3 {
            let subscriber = try server.subscribe("/tells-its-generation?tag=\(build)")
            #expect(try subscriber.nextEvent().data != nil)
            subscriber.client.reset()
            try server.install("TellsItsGeneration", appending: [UInt8(build)])
            let start = server.logLines.count
            try server.reload()
            #expect(server.logLines[start...].contains { $0.matches("reloaded", ["replaced": "1"]) })
        }
    }

    @Test(
        "where no code can be mapped: plugins are mapped from memory, under their names, and reloaded",
        .inMountNamespaces)
    func noexec() throws {
        try withServer(
            ["TellsItsGeneration"], flags: MountNamespace.flags,
            prefix: MountNamespace.prefix(MountNamespace.remounted("noexec"))
        ) { server in
            try serve(server)
            let paths = Set(mapped(server))
            #expect(paths.count == 4 && paths.allSatisfy { $0.hasPrefix("/memfd:sluice-") }, "\(paths)")
            let status = try server.run("status", "--json")
            #expect(status.status == 0 && status.output.contains("\"image_bytes\":"), "\(status)")
            #expect(!status.output.contains("\"image_bytes\":0"), "\(status)")
        }
    }

    @Test("where there is no room, and where nothing can be written", .inMountNamespaces, arguments: [true, false])
    func noPlace(isFull: Bool) throws {
        let plugins = TemporaryDirectory()
        plugins.write(try #require(readFile(fixturePlugin("TicksWithIds"))), to: "t.so", mode: 0o755)
        chmod(plugins.path, 0o755)
        let mounting =
            isFull
            ? "mount --bind \(plugins.path) /mnt && mount -t tmpfs -o size=16k,mode=1777 tmpfs /tmp"
            : MountNamespace.remounted("ro")
        try listens(MountNamespace.prefix(mounting), isFull ? "/mnt" : plugins.path)
    }

    private func listens(_ prefix: [String], _ directory: String) throws {
        let program = try RunningProgram(
            prefix + [BuiltProducts.sluice, "serve", directory, "--listen", "127.0.0.1:0", "--control", "none"]
                + MountNamespace.flags)
        let line = program.output.wait(.seconds(20)) { $0.contains("http://") }
        guard let port = line?.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw TestFailure("it does not listen: \(program.output.lines) \(program.errors.lines)")
        }
        let subscriber = try TestSubscriber(asking: "/ticks-with-ids?every=10", on: RawClient(port: port))
        #expect(try subscriber.nextEvent().data != nil)
        program.signal(SIGTERM)
        #expect(program.waitForExit(.seconds(20)) == .status(0))
    }

    /// To others, whose namespaces know nobody but them, the root directory belongs to nobody known, and what is in it can't be trusted.
    @Test(
        "authors' verbs find another place",
        .inMountNamespaces, .enabled(if: geteuid() == 0, "takes root"),
        arguments: ["ro", "noexec"])
    func authors(option: String) throws {
        let workshop = Workshop()
        workshop.write(Workshop.c(saying: "hello"), to: "talker.c")
        let script = MountNamespace.prefix(MountNamespace.remounted(option))
        let run = try ChildProgram.run(script + workshop.words(["run", "talker.c", "--max-events", "2"]))
        #expect(run.status == 0 && run.output.contains("data: hello"), "\(run)")
        guard option == "noexec" else { return }
        let build = try ChildProgram.run(script + workshop.words(["build", "talker.c"]))
        #expect(build.status == 0, "\(build)")
        let check = try ChildProgram.run(
            script + workshop.words(["check", "talker.so", "--scenario", "events", "--scenario", "reload"]))
        #expect(check.status == 0, "\(check)")
        let inspected = try ChildProgram.run(script + workshop.words(["inspect", "talker.so"]))
        #expect(inspected.status == 0 && inspected.output.contains("talker"), "\(inspected)")
    }

    @Test("a TMPDIR that means nothing is passed by", arguments: ["", "relative", "/nonexistent", "/dev/null"])
    func nonsense(place: String) throws {
        try withServer(["TellsItsGeneration"], environment: ["TMPDIR": place]) { server in
            try serve(server)
            let paths = mapped(server)
            #expect(!paths.isEmpty && paths.allSatisfy { $0.hasPrefix("/tmp/sluice-") }, "\(paths)")
        }
        let workshop = Workshop()
        workshop.write(Workshop.c(saying: "hello"), to: "talker.c")
        let build = try workshop.sluice("build", "talker.c", environment: ["TMPDIR": place])
        #expect(build.status == 0, "\(build)")
        #expect(try workshop.names() == ["talker.c", "talker.so"])
    }
}
