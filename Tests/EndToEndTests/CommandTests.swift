import Glibc
import TestSupport
import Testing

@Suite("The command line", .onTestThreads)
struct CommandTests {
    @Test("a misspelled flag: status 2, with a suggestion")
    func mistypedFlag() throws {
        let program = try sluice("serve", "--lissten", "127.0.0.1:0", "/tmp")
        #expect(program.status == 2)
        #expect(program.output.contains("--lissten"))
        #expect(program.output.contains("--listen"))
    }

    @Test(
        "an invalid value: status 2, with what was expected",
        arguments: [
            ["--listen", "nonsense"], ["--keep-alive", "soon"], ["--max-streams", "few"], ["--write-deadline", "5x"],
            ["--log-level", "chatty"], ["--listen", "127.0.0.1:99999"],
        ])
    func badValue(_ flag: [String]) throws {
        let program = try sluice(["serve", "/tmp"] + flag)
        #expect(program.status == 2, "\(program.output)")
        #expect(program.output.contains(flag[0]) && program.output.contains(flag[1]), "\(program.output)")
    }

    @Test("a directory that does not exist, or is empty")
    func noPlugins() throws {
        let missing = try sluice("serve", "/no/such/directory", "--listen", "127.0.0.1:0")
        #expect(missing.status == 1)
        #expect(missing.output.contains("/no/such/directory"))
        let empty = TemporaryDirectory()
        let program = try sluice("serve", empty.path, "--listen", "127.0.0.1:0")
        #expect(program.status == 1)
        #expect(program.output.contains(empty.path))
        #expect(program.output.contains(".so"))
    }

    @Test("a port in use: an error message, and the process ends")
    func portInUse() throws {
        try withServer(["WaitsForEver"]) { server in
            let program = try sluice("serve", server.pluginDirectory, "--listen", "127.0.0.1:\(server.port)")
            #expect(program.status == 1)
            #expect(program.output.contains(String(server.port)))
            #expect(program.output.lowercased().contains("in use"))
            // The first server is not affected.
            #expect(try server.subscribe("/waits-for-ever").nextEvent().data == "the only one")
        }
    }

    @Test("listens on IPv6")
    func ipv6() throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        directory.write(readFile(try fixturePlugin("EndsAfterCount")) ?? [], to: "plugin.so", mode: 0o755)
        let program = try RunningProgram([BuiltProducts.sluice, "serve", directory.path, "--listen", "[::1]:0"])
        let line = try #require(program.output.wait(.seconds(20)) { $0.contains("http://[::1]:") })
        let port = try #require(line.split(separator: ":").last.flatMap { Int($0) })
        let client = try RawClient(port: port, host: "::1")
        let subscriber = try TestSubscriber(asking: "/ends-after-count?count=1", on: client)
        #expect(try subscriber.rest().contains { $0.data == "1" })
        program.signal(SIGTERM)
        #expect(program.waitForExit(.seconds(10)) == .status(0))
    }

    @Test("a directory that everyone can write to is refused, unless insecure plugins are accepted")
    func worldWritable() throws {
        let directory = TemporaryDirectory()
        directory.write(readFile(try fixturePlugin("WaitsForEver")) ?? [], to: "plugin.so", mode: 0o755)
        chmod(directory.path, 0o777)
        let refused = try sluice("serve", directory.path, "--listen", "127.0.0.1:0")
        #expect(refused.status == 1)
        #expect(refused.output.contains("writable"))
        #expect(refused.output.contains("--insecure-plugins"))
        let program = try RunningProgram([
            BuiltProducts.sluice, "serve", directory.path, "--listen", "127.0.0.1:0", "--insecure-plugins",
        ])
        #expect(program.output.wait(.seconds(20)) { $0.contains("http://") } != nil)
        program.signal(SIGTERM)
        #expect(program.waitForExit(.seconds(10)) == .status(0))
    }

    @Test("one bad file does not affect the others, and is reported in one line")
    func badFile() throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        directory.write("#!/bin/sh\necho hello\n".utf8, to: "script.so", mode: 0o755)
        let good = readFile(try fixturePlugin("WaitsForEver")) ?? []
        directory.write(good, to: "good.so", mode: 0o755)
        directory.write(good.prefix(good.count / 2), to: "half.so", mode: 0o755)
        directory.write(good, to: "twin.so", mode: 0o755)
        directory.write(good, to: "writable.so", mode: 0o777)
        let program = try RunningProgram([
            BuiltProducts.sluice, "serve", directory.path, "--listen", "127.0.0.1:0", "--log-format", "json",
        ])
        let listening = program.output.wait(.seconds(20)) { $0.contains("http://") }
        program.signal(SIGTERM)
        #expect(program.waitForExit(.seconds(10)) == .status(0))
        #expect(listening != nil)
        for name in ["script.so", "half.so", "twin.so", "writable.so"] {
            let lines = program.errors.lines.filter { $0.description.contains(name) && $0.level == "error" }
            #expect(lines.count == 1, "\(name): \(lines)")
        }
    }

    @Test("prints where it listens, what it serves, and how to try it")
    func announces() throws {
        try withServer(["WaitsForEver", "TicksWithIds"]) { server in
            let text = {
                _ = server.program.output.wait(.seconds(10)) { $0.contains("curl") }
                return server.program.output.lines.joined(separator: "\n")
            }()
            #expect(text.contains("listening on http://127.0.0.1:\(server.port)"))
            #expect(text.contains("/waits-for-ever") && text.contains("/ticks-with-ids"))
            #expect(text.contains("curl -N 'http://127.0.0.1:\(server.port)/"))
        }
    }

    @Test("the log has one line for each opening and closing")
    func log() throws {
        try withServer(["EndsAfterCount"]) { server in
            _ = try server.subscribe("/ends-after-count?count=3&tag=a").rest()
            let opened = try server.waitForLog("stream opened", ["plugin": "ends-after-count"])
            let closed = try server.waitForLog("stream closed", ["plugin": "ends-after-count"])
            #expect(opened["stream"] == closed["stream"] && opened["stream"] != nil)
            #expect(opened["producer"] == "ends-after-count" && closed["producer"] == "ends-after-count")
            #expect(closed["generation"] == "1")
            #expect(opened["address"]?.hasPrefix("127.0.0.1") == true)
            #expect(closed["events"] == "3")
            #expect(closed["reason"] == "completed")
            #expect(closed["duration_ms"].flatMap { Double($0) } != nil)
            #expect(closed["bytes"].flatMap { Int($0) } ?? 0 > 20)
        }
    }

    @Test("inspect shows what a plugin declares, without running a server")
    func inspect() throws {
        let program = try sluice("inspect", BuiltProducts.plugin("hello"))
        #expect(program.status == 0)
        for word in ["hello", "/hello", "interval", "f64", "1.0"] {
            #expect(program.output.contains(word), "\(program.output)")
        }
        let json = try sluice("inspect", "--json", BuiltProducts.plugin("hello"))
        #expect(json.status == 0)
        #expect(LogLine(json.output.filter { $0 != "\n" }[...]).members["name"] == "hello", "\(json.output)")

        let text = TemporaryDirectory()
        let refused = try sluice("inspect", text.write("no shared object".utf8, to: "text.so", mode: 0o755))
        #expect(refused.status == 1)
        #expect(refused.output.contains("text.so"))
    }

    @Test(
        "--help explains each command",
        arguments: [[]] + ["serve", "dev", "build", "new", "run", "inspect", "reload", "status"].map { [$0] })
    func help(_ arguments: [String]) throws {
        let program = try sluice(arguments + ["--help"])
        #expect(program.status == 0)
        #expect(program.output.contains("USAGE"))
    }

    private func sluice(_ arguments: String...) throws -> ChildProgram { try sluice(arguments) }

    private func sluice(_ arguments: [String]) throws -> ChildProgram {
        try ChildProgram.run([BuiltProducts.sluice] + arguments)
    }
}
