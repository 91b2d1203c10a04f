import Glibc
import TestSupport
import Testing

@Suite("The exec producer", .onTestThreads)
struct ExecProducerTests {
    /// Runs a server with one command, "it", which the shell runs here so that a test can say what it does.
    private func withCommand(
        _ script: String, _ more: [String: String] = [:], flags: [String] = ["--linger", "0"],
        _ body: (SluiceServer) throws -> Void
    ) throws {
        let directory = TemporaryDirectory()
        let file = directory.write(script.utf8, to: "it.sh")
        let configuration = more.merging(["command.it": "/bin/sh \(file)"]) { $1 }
        try withShippedPlugin("exec", configuration: configuration, flags: flags, body)
        withExtendedLifetime(directory) {}
    }

    /// The children that a server has, zombies included.
    private func children(of server: SluiceServer) -> [String] {
        // Each is listed with the thread that made it, or with another one once that has ended.
        let tasks = "/proc/\(server.program.pid)/task"
        guard let directory = opendir(tasks) else { return [] }
        defer { closedir(directory) }
        var children: [String] = []
        while let entry = readdir(directory) {
            let task = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            let text = readFile("\(tasks)/\(task)/children") ?? []
            children += String(decoding: text, as: UTF8.self).split(separator: " ").map(String.init)
        }
        return children
    }

    private func isRunning(_ pid: String) -> Bool { Int32(pid).map { kill($0, 0) == 0 } ?? false }

    @Test("sends each line as text, whatever the command writes, and completes with the exit status 0")
    func lines() throws {
        let script = #"printf 'one\r\n\n two \n'; printf 'a\377b\n'; printf 'last'"#
        try withCommand(script) { server in
            let subscriber = try server.subscribe("/exec/it?history=all")
            let events = try subscriber.rest()
            let sent = events.filter { $0.data != nil }
            #expect(sent.map(\.data) == ["one", "", " two ", "a\u{FFFD}b", "last"])
            #expect(sent.allSatisfy { $0.id != nil && $0.type == nil })
            #expect(subscriber.endMark?.id == "sluice-end")
            try server.waitForLog("the status is logged") { $0.message == "it: the command has ended: exit status 0" }
            try server.waitForLog("stream closed", ["producer": "exec", "reason": "completed"])
        }
    }

    @Test("sends how a long line begins, and how much of it is missing")
    func longLine() throws {
        try withCommand("head -c 100000 /dev/zero | tr '\\0' x; echo; echo next") { server in
            let sent = try server.subscribe("/exec/it?history=all").rest().filter { $0.data != nil }
            #expect(sent.map(\.type) == [nil, "truncated", nil])
            #expect(sent[0].data?.utf8.count == 16384)
            #expect(sent[1].data == #"{"omitted":\#(100_000 - 16384)}"#)
            #expect(sent[2].data == "next")
        }
    }

    @Test("fails with a plain message when the command does, and logs how", arguments: ["exit 3", "kill -SEGV $$"])
    func failure(how: String) throws {
        try withCommand("echo one; \(how)") { server in
            let subscriber = try server.subscribe("/exec/it?history=all")
            let events = try subscriber.rest().filter { $0.data != nil }
            #expect(events.map(\.data) == ["one", "the command failed"])
            #expect(events.last?.type == "stream-error")
            let text = how == "exit 3" ? "exit status 3" : "killed by SIGSEGV"
            try server.waitForLog("the status is logged") {
                $0.level == "warning" && $0.message == "it: the command has ended: \(text)"
            }
        }
    }

    @Test("logs standard error line by line, also a last one without a newline")
    func standardError() throws {
        try withCommand("echo 'this went wrong' >&2; echo fine; printf 'the last word' >&2") { server in
            // It stays until all is said: once the last subscriber has left, the command is ended.
            let subscriber = try server.subscribe("/exec/it?history=all")
            #expect(try subscriber.nextEvent().data == "fine")
            try server.waitForLog("this went wrong", ["producer": "exec"])
            try server.waitForLog("the last word", ["producer": "exec"])
            subscriber.client.close()
        }
    }

    @Test("hands over parameters as variables only, those that are allowed")
    func variables() throws {
        let script = #"echo "$# [$SLUICE_PARAM_SYMBOL] [$SLUICE_PARAM_DEPTH] [$SLUICE_TEST_LEDGER]""#
        try withCommand(script, ["parameters.it": "symbol, depth"]) { server in
            let text = try server.subscribe("/exec/it?history=all&set=symbol:%24(id)%60id%60%20%3B:%22,depth:5")
                .nextEvent()
            #expect(text.data == #"0 [$(id)`id` ;:"] [5] []"#)
            #expect(try server.subscribe("/exec/it?history=all").nextEvent().data == "0 [] [] []")
            for set in [
                "path:1", "symbol", ":1", "symbol:1,", ",symbol:1", "SYMBOL:1", "symbol:1,symbol:2", "sym:1",
                "symbol%20:1", (0..<100).map { "symbol:\($0)" }.joined(separator: ","),
            ] {
                let response = try server.expectRefusal(400, of: "/exec/it?set=\(set)")
                #expect(response.body.contains("set: "), "\(set): \(response.body)")
            }
        }
    }

    @Test("refuses commands that are not configured, or not as they should be, and tells the operator")
    func refusals() throws {
        let configuration = [
            "command.relative": "echo hi", "command.open": "/bin/echo 'hi", "command.missing": "/no/such/program",
            "command.empty": "", "command.fine": "/bin/echo hi", "restart.fine": "sometimes",
        ]
        try withShippedPlugin("exec", configuration: configuration) { server in
            for name in ["nothing", "command.fine", "..", "fine%00", String(repeating: "a", count: 500)] {
                let status = try server.refusal(of: "/exec/\(name)").status
                #expect([400, 404].contains(status), "\(name): \(status)")
            }
            for (name, words) in [
                ("relative", "absolute path"), ("open", "not closed"), ("missing", "No such file"),
                ("empty", "absolute path"),
                ("fine", "never, on-failure or always"),
            ] {
                let response = try server.expectRefusal(500, of: "/exec/\(name)")
                #expect(!response.body.contains(words))
                try server.waitForLog("\(name): \(words)") { $0.level == "error" && $0.message.contains(words) }
            }
            #expect(children(of: server).isEmpty)
        }
    }

    @Test("splits the command line at blanks, and understands quotes and backslashes")
    func words() throws {
        let line = "/usr/bin/printf '[%s]' a  'b c' d''e '' '*$HOME' f' 'g"
        try withShippedPlugin("exec", configuration: ["command.it": line]) { server in
            let event = try server.subscribe("/exec/it?history=all").nextEvent()
            #expect(event.data == "[a][b c][de][][*$HOME][f g]")
        }
    }

    @Test("one process serves all, and is asked to end when the last has left")
    func shared() throws {
        let script = "trap 'echo terminated >&2; exit 0' TERM; echo $$; while :; do sleep 0.02; echo tick; done"
        try withCommand(script) { server in
            let first = try server.subscribe("/exec/it?history=all")
            let pid = try first.nextEvent().data ?? ""
            let second = try server.subscribe("/exec/it?history=all")
            #expect(try second.nextEvent().data == pid)
            first.client.close()
            #expect(try second.nextData(3) == ["tick", "tick", "tick"])
            #expect(isRunning(pid))
            second.client.close()
            try server.waitForLog("terminated", ["producer": "exec"])
            try server.waitForLog("stream closed", ["producer": "exec", "reason": "disconnected"])
            #expect(!isRunning(pid))
            #expect(children(of: server).isEmpty)
        }
    }

    @Test("kills a command, and what it started, that does not end in time")
    func stubborn() throws {
        let script = "trap '' TERM; (trap '' TERM; sleep 1000) & echo $!; echo $$; while :; do sleep 1000; done"
        try withCommand(script, ["grace": "0.2"]) { server in
            let subscriber = try server.subscribe("/exec/it?history=all")
            let pids = try subscriber.nextData(2)
            #expect(pids.allSatisfy(isRunning))
            subscriber.client.close()
            try server.waitForLog("it was killed") {
                $0.level == "warning" && $0.message == "it: the command did not end in time: killed by SIGKILL"
            }
            #expect(!isRunning(pids[1]))
            // The other one is reaped by whoever takes orphans; until then it is a zombie.
            let hasEnded = blockingEventually {
                guard let stat = readFile("/proc/\(pids[0])/stat") else { return true }
                return String(decoding: stat, as: UTF8.self).contains(") Z")
            }
            #expect(hasEnded, "what the command started still runs")
        }
    }

    @Test("starts with nothing of the server: no descriptors, no blocked or ignored signals, a group of its own")
    func inheritance() throws {
        let script = """
            grep -E '^Sig(Blk|Ign)' /proc/$$/status | cut -f 2 | tr '\\n' ' '; echo
            cut -d ' ' -f 1,5 /proc/$$/stat
            readlink /proc/$$/fd/0
            """
        try withCommand(script, ["command.descriptors": "/bin/ls /proc/self/fd"]) { server in
            let sent = try server.subscribe("/exec/it?history=all").rest().compactMap(\.data)
            try #require(sent.count == 3)
            // glibc leaves the two signals ignored that it keeps for its own threads, 32 and 33.
            #expect(["0000000000000000 0000000180000000 ", "0000000000000000 0000000000000000 "].contains(sent[0]))
            let numbers = sent[1].split(separator: " ")
            #expect(numbers[0] == numbers[1])
            #expect(sent[2] == "/dev/null")
            // The fourth is the directory that is listed.
            let descriptors = try server.subscribe("/exec/descriptors?history=all").rest().compactMap(\.data)
            #expect(descriptors == ["0", "1", "2", "3"])
        }
    }

    @Test("starts a command again as often as it fails, and completes when it succeeds")
    func restartOnFailure() throws {
        let directory = TemporaryDirectory()
        let script =
            "echo x >> \(directory.path)/runs; runs=$(wc -l < \(directory.path)/runs); echo $runs; [ $runs = 3 ]"
        try withCommand(script, ["restart": "on-failure", "restart-delay": "0.01"]) { server in
            let subscriber = try server.subscribe("/exec/it?history=all")
            let events = try subscriber.rest()
            #expect(events.compactMap(\.data) == ["1", "2", "3"])
            #expect(subscriber.endMark?.id == "sluice-end")
        }
    }

    @Test("starts a command again for ever, and leaves neither processes nor descriptors behind")
    func restartAlways() throws {
        let configuration = ["restart": "never", "restart.it": "always", "restart-delay": "0.01"]
        try withCommand("echo run", configuration) { server in
            let subscriber = try server.subscribe("/exec/it?history=all")
            #expect(try subscriber.nextData(5) == Array(repeating: "run", count: 5))
            let before = try ProcessFigures(of: server.program.pid).descriptors
            #expect(try subscriber.nextData(50) == Array(repeating: "run", count: 50))
            _ = try ProcessFigures.wait(for: server.program.pid) { $0.descriptors <= before }
            #expect(children(of: server).count <= 1)
            subscriber.client.close()
            try server.waitForLog("stream closed", ["producer": "exec", "reason": "disconnected"])
            #expect(children(of: server).isEmpty)
        }
    }

    @Test("ends its commands when the server stops")
    func shutdown() throws {
        try withCommand("echo $$; exec sleep 1000") { server in
            let subscriber = try server.subscribe("/exec/it?history=all")
            let pid = try subscriber.nextEvent().data ?? ""
            server.signal(SIGTERM)
            #expect(try server.waitForExit() == .status(0))
            #expect(!isRunning(pid))
            try server.waitForLog("stream closed", ["producer": "exec", "reason": "shutdown"])
        }
    }
}
