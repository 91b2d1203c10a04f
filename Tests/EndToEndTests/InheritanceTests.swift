import Glibc
import TestSupport
import Testing

/// The state that a server inherits from the process that starts it.
@Suite("A server inherits", .onTestThreads)
struct InheritanceTests {
    private static func shell(_ words: String) -> [String] { ["/bin/sh", "-c", "\(words); exec \"$@\"", "sh"] }

    /// A launcher with another program beside it.
    private static func launcher(beside program: String?) throws -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        try directory.write(program: #require(readFile(BuiltProducts.sluice)), to: "sluice")
        if let program { try directory.write(program: "#!/bin/sh\n\(program)\n".utf8, to: "sluice-server") }
        return directory
    }

    @Test("signals before its own code runs: SIGHUP and SIGUSR1 do not end it, and are answered")
    func earlySignals() throws {
        let directory = try Self.launcher(
            beside: "kill -HUP $$; kill -USR1 $$; exec '\(BuiltProducts.sluice)-server' \"$@\"")
        let prefix = ["/bin/sh", "-c", "shift; exec '\(directory.path)/sluice' \"$@\"", "sh"]
        try withServer(["WaitsForEver"], prefix: prefix) { server in
            try server.waitForLog("reloaded")
            try server.waitForLog("totals")
        }
        withExtendedLifetime(directory) {}
    }

    @Test("a command that is not a server is ended by SIGHUP, as usual")
    func signalsToOthers() throws {
        let directory = try Self.launcher(beside: "kill -HUP $$; echo lives")
        let run = try ChildProgram.run(["\(directory.path)/sluice", "check", "x.so"])
        #expect(run.status == 128 + SIGHUP && run.output.isEmpty)
        withExtendedLifetime(directory) {}
    }

    @Test("a command without its server beside it reports that; one that is started through a link finds it")
    func launcherAlone() throws {
        let directory = try Self.launcher(beside: nil)
        let run = try ChildProgram.run(["\(directory.path)/sluice", "--version"])
        let server = "\(directory.path)/sluice-server"
        let message =
            "sluice: cannot start \(server): No such file or directory; "
            + "it must be in the same directory as sluice\n"
        #expect(run.status == 1 && run.output == message)
        symlink(BuiltProducts.sluice, "\(directory.path)/linked")
        #expect(try ChildProgram.run(["\(directory.path)/linked", "--version"]).status == 0)
    }

    @Test("blocked signals: they end it nevertheless")
    func blockedSignals() throws {
        try withServer(["WaitsForEver"], prefix: ["env", "--block-signal=TERM,HUP,CHLD"]) { server in
            try server.reload()
            server.signal(SIGTERM)
            #expect(try server.waitForExit() == .status(0))
        }
    }

    @Test("SIGCHLD ignored: a successful command of exec counts as a success")
    func ignoredChildren() throws {
        let prefix = ["env", "--ignore-signal=CHLD"]
        try withShippedPlugin("exec", configuration: ["command.it": "/bin/echo one"], prefix: prefix) { server in
            let subscriber = try server.subscribe("/exec/it?history=all")
            let events = try subscriber.rest()
            #expect(events.contains { $0.data == "one" } && subscriber.endMark != nil, "\(events)")
        }
    }

    @Test("SIGCHLD ignored: a build that fails is a failure, and one that succeeds a success")
    func ignoredChildrenOfBuild() throws {
        let directory = TemporaryDirectory()
        let good = directory.write(
            try #require(readFile("\(repositoryRoot)/Plugins/hello/hello.c")), to: "good.c")
        let bad = directory.write("int x = ;".utf8, to: "bad.c")
        for (file, status) in [(good, Int32(0)), (bad, 1)] {
            let program = try RunningProgram(
                ["env", "--ignore-signal=CHLD", BuiltProducts.sluice, "build", file, "-o", "\(directory.path)/x.so"])
            #expect(program.waitForExit(.seconds(60)) == .status(status), "\(file)")
        }
    }

    @Test("closed standard descriptors: none of its own files gets their numbers")
    func closedDescriptors() throws {
        try withServer(["WaitsForEver"], prefix: Self.shell("exec <&- 2>&-")) { server in
            _ = try server.subscribe("/waits-for-ever?tag=a").nextEvent()
            for descriptor in [0, 2] {
                let path = "/proc/\(server.program.pid)/fd/\(descriptor)"
                let null = try #require(FileStatus("/dev/null"))
                #expect(FileStatus(path)?.device == null.device)
            }
        }
    }

    @Test("an empty TMPDIR, which is ignored: private copies are created in /tmp")
    func emptyTemporaryFolder() throws {
        try withServer(["WaitsForEver"], environment: ["TMPDIR": ""]) { server in
            let maps = String(decoding: readFile("/proc/\(server.program.pid)/maps") ?? [], as: UTF8.self)
            #expect(maps.contains("/tmp/sluice-"))
        }
    }

    @Test("a umask that removes its own rights: it can still use the files that it creates")
    func mask() throws {
        try withServer(["WaitsForEver"], prefix: Self.shell("umask 0777")) { server in
            let verb = try server.run("status", server.pluginDirectory)
            #expect(verb.status == 0)
            #expect(FileStatus("\(server.directory.path)/sluice")?.permissions == 0o700)
        }
    }

    @Test("a limit of open files, which is raised for the server alone")
    func descriptorLimit() throws {
        let prefix = Self.shell("ulimit -Sn 300")
        // The limit is set a moment after the command has started.
        let script = TemporaryDirectory()
        let file = script.write("while [ $(ulimit -Sn) != 300 ]; do :; done; echo 300".utf8, to: "it.sh")
        try withShippedPlugin("exec", configuration: ["command.it": "/bin/sh \(file)"], prefix: prefix) { server in
            let events = try server.subscribe("/exec/it?history=all").rest()
            #expect(events.contains { $0.data == "300" })
            let limits = String(decoding: readFile("/proc/\(server.program.pid)/limits") ?? [], as: UTF8.self)
            let line = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
            #expect(line?.split(separator: " ")[3] != "300", "\(line ?? "")")
        }
        withExtendedLifetime(script) {}
    }

    /// Programs that a plugin starts must not inherit a port, a connection, or any other file of the server.
    @Test("descriptors, and passes on none of its own except the standard ones")
    func descriptorsOfItsOwn() throws {
        try withServer(["WaitsForEver", "SleepsInNext", "SharedTicks"], flags: ["--watch", "--loops", "4"]) { server in
            let streams = try ["/waits-for-ever", "/sleeps-in-next", "/shared-ticks"].map { try server.subscribe($0) }
            for stream in streams { _ = try stream.nextEvent() }
            let idle = try server.connect()
            try idle.send("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try idle.readResponse().status == 404)
            let folder = "/proc/\(server.program.pid)"
            let numbers = try ChildProgram.run(["ls", "\(folder)/fd"]).output.split(separator: "\n").compactMap {
                Int($0)
            }
            #expect(numbers.count > 20)
            // The process that runs the tests may have left some open.
            for number in numbers where number > 2 && !isInherited(number, by: server) {
                let text = String(decoding: readFile("\(folder)/fdinfo/\(number)") ?? [], as: UTF8.self)
                let flags = text.split(separator: "\n").first { $0.hasPrefix("flags:") }?.split(separator: "\t").last
                let target = linkTarget("\(folder)/fd/\(number)") ?? "?"
                #expect(flags.flatMap { Int($0, radix: 8) }.map { $0 & 0o2000000 != 0 } == true, "\(number): \(target)")
            }
        }
    }

    /// Whether this process has the same file with that number.
    private func isInherited(_ number: Int, by server: SluiceServer) -> Bool {
        let own = linkTarget("/proc/self/fd/\(number)")
        return own != nil && own == linkTarget("/proc/\(server.program.pid)/fd/\(number)")
            && fcntl(Int32(number), F_GETFD) & FD_CLOEXEC == 0
    }
}
