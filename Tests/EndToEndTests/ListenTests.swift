import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("Where the server listens", .onTestThreads)
struct ListenTests {
    private let directory = TemporaryDirectory()
    private var socket: String { "\(directory.path)/http.sock" }

    private func curl(_ arguments: String...) throws -> Verb {
        try Verb(RunningProgram(["curl", "-sS", "--max-time", "10"] + arguments))
    }

    @Test("several addresses, of which each is printed, and the log and status name them")
    func several() throws {
        try withServer(["EndsAfterCount"], flags: ["--listen", "unix:\(socket) mode=600", "--listen", "[::1]:0"]) {
            server in
            let printed = server.program.output.lines.filter { $0.hasPrefix("listening on ") }
            #expect(printed.count == 3 && printed[1] == "listening on unix:\(socket)")
            #expect(
                printed[0] == "listening on http://127.0.0.1:\(server.port)"
                    && printed[2].hasPrefix("listening on http://[::1]:"))
            let status = try server.run("status", "--json")
            #expect(status.output.contains("unix:\(socket)"), "\(status.output)")
            let file = try curl("--unix-socket", socket, "http://any.example/ends-after-count?count=2")
            #expect(file.status == 0 && file.output.contains("data: 1\n\ndata: 2\n"), "\(file.output) \(file.error)")
            let other = try curl("http://localhost:\(server.port)/ends-after-count?count=2")
            // The reconnection time is random.
            let events = { (verb: Verb) in verb.output.split(separator: "\n", maxSplits: 1).last }
            #expect(events(other) == events(file))
        }
        #expect(access(socket, F_OK) != 0, "it is removed with the server")
    }

    @Test("a stream through a socket in the file system: events at once, keep-alive, slow and silent readers, the end")
    func unixStreams() throws {
        try withServer(
            ["WaitsForEver", "Floods"],
            flags: ["--listen", "unix:\(socket)", "--keep-alive", "200ms", "--write-deadline", "500ms"]
        ) { server in
            let waiting = try TestSubscriber(asking: "/waits-for-ever?tag=waiting", on: RawClient(path: socket))
            #expect(try waiting.nextEvent().data == "the only one")
            _ = try waiting.client.read(within: .seconds(10)) { String(decoding: $0, as: UTF8.self).contains(":\n") }
            waiting.client.close()
            try server.expectClose(of: "waiting", .disconnected)
            let slow = try RawClient(path: socket)
            try slow.send("GET /floods?bytes=100000&tag=slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try server.expectClose(of: "slow", .slow)
        }
    }

    @Test("one address that can't be had stops the start, with its name and the reason, and leaves nothing behind")
    func failure() throws {
        let plugins = "\(directory.path)/plugins"
        mkdir(plugins, 0o755)
        try withServer(["WaitsForEver"]) { server in
            try #require(try Verb(RunningProgram(["cp", "-r", server.pluginDirectory + "/.", plugins])).status == 0)
            let verb = try Verb(
                RunningProgram([
                    BuiltProducts.sluice, "serve", plugins, "--control", "none", "--listen", "unix:\(socket)",
                    "--listen",
                    "127.0.0.1:\(server.port)",
                ]))
            #expect(verb.status == 1 && verb.output == "")
            #expect(
                verb.error.contains("cannot listen on 127.0.0.1:\(server.port): the port is in use"), "\(verb.error)")
            #expect(access(socket, F_OK) != 0)
        }
    }

    @Test("sockets that a service manager has opened: the port accepts before the server runs")
    func activated() throws {
        // Opens a listening socket, and becomes the server with it, as systemd does.
        let activator = """
            import os, socket, sys
            s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5)
            print("http://127.0.0.1:%d opened" % s.getsockname()[1], flush=True)
            fd = s.detach()
            if fd == 3: os.set_inheritable(3, True)
            else: os.dup2(fd, 3)
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
            os.execv(sys.argv[1], sys.argv[1:])
            """
        for listen in ["systemd", "systemd:web"] {
            try withServer(
                ["WaitsForEver"], flags: ["--listen", listen], prefix: ["python3", "-c", activator]
            ) { server in
                let client = try RawClient(port: server.port)
                let subscriber = try TestSubscriber(asking: "/waits-for-ever", on: client)
                #expect(try subscriber.nextEvent().data == "the only one")
            }
        }
        let verb = try Verb(
            RunningProgram([
                BuiltProducts.sluice, "serve", directory.path, "--control", "none", "--listen", "systemd:web",
            ]))
        #expect(verb.status == 1)
        #expect(verb.error.contains("the service manager has passed no socket") || verb.error.contains("no plugin"))
    }
}
