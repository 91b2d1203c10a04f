import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("sluice run", .onTestThreads)
struct RunCommandTests {
    private let workshop = Workshop()

    /// Runs the command, with its output separate from its log.
    private func run(
        _ arguments: String..., ledger: Ledger? = nil, whileRunning body: (RunningProgram) throws -> Void = { _ in }
    ) throws -> (program: RunningProgram, exit: RunningProgram.Exit?) {
        let program = try RunningProgram(
            workshop.words(["run"] + arguments + ["--log-format", "json"]),
            environment: ["SLUICE_TEST_LEDGER": ledger?.path ?? "/dev/null"])
        try body(program)
        let exit = program.waitForExit(.seconds(60))
        #expect(program.output.waitForEnd(.seconds(10)) && program.errors.waitForEnd(.seconds(10)))
        return (program, exit)
    }

    @Test("prints a stream's frames exactly as a server sends them, and exits with success")
    func complete() throws {
        let (program, exit) = try run(fixturePlugin("EndsAfterCount"), "count=2")
        #expect(exit == .status(0))
        let lines = program.output.lines
        #expect(lines.first?.hasPrefix("retry: ") == true)
        #expect(
            lines.dropFirst() == [
                ": sluice", "data: 1", "", "data: 2", "", "event: sluice-end", "id: sluice-end", "data:", "",
            ])
        #expect(program.errors.lines.contains { $0.matches("stream closed", ["reason": "completed"]) })
    }

    @Test("a failed stream ends with its error, and status 1")
    func failed() throws {
        let (program, exit) = try run(fixturePlugin("FailsAfterCount"), "count=1")
        #expect(exit == .status(1))
        #expect(program.output.lines.suffix(5) == ["data: 1", "", "event: stream-error", "data: the well is dry", ""])
    }

    @Test("a rejected stream is reported with the rejection")
    func rejected() throws {
        let plugin = try fixturePlugin("RefusesStreams")
        let refused = try workshop.sluice("run", plugin, "status=403")
        #expect(refused.status == 1)
        #expect(refused.output.contains("sluice: rejected with 403: not for you\n"), "\(refused.output)")
        let echo = try fixturePlugin("EchoesParameters")
        let bad = try workshop.sluice("run", echo, "name=x", "i=many")
        #expect(bad.status == 1 && bad.output.contains("rejected with 400: i: expected"), "\(bad.output)")
        let missing = try workshop.sluice("run", echo)
        #expect(missing.status == 2 && missing.output.contains("the route is /echo/{name}: add name=…"))
    }

    @Test("a parameter that the producer does not have is a typing error")
    func unknownParameter() throws {
        let mistyped = try workshop.sluice("run", BuiltProducts.plugin("hello"), "intervall=2")
        #expect(mistyped.status == 2)
        let line =
            "sluice: intervall=2: the producer hello has no such parameter (it has: interval); did you mean 'interval'?\n"
        #expect(mistyped.output == line)
    }

    @Test("values are used for the route's placeholders first, then for the query")
    func parameters() throws {
        let (program, exit) = try run(fixturePlugin("EchoesParameters"), "name=a b/ü", "i=7", "note=n")
        #expect(exit == .status(0))
        #expect(program.output.lines.contains("data: 1 7 -2 3 4 0.5 0.25 [a b/ü] [n]"), "\(program.output.lines)")
    }

    @Test("disconnects after the requested number of events; close runs once")
    func maxEvents() throws {
        let ledger = try Ledger(in: workshop.directory)
        let (program, exit) = try run(
            fixturePlugin("TicksWithIds"), "every=1", "tag=a", "--last-event-id", "7", "--max-events", "2",
            ledger: ledger)
        #expect(exit == .status(0))
        #expect(program.output.lines.dropFirst(2) == ["event: even", "id: 8", "data: 8", "", "id: 9", "data: 9", ""])
        try ledger.settle()
        #expect(ledger.streams.map(\.reason) == [.disconnected])
        #expect(ledger.entries.violations().isEmpty)
    }

    @Test(
        "Ctrl-C ends the stream cleanly, even one that sleeps on its thread; shutdown follows close",
        arguments: [
            "TicksWithIds", "SleepsInNext",
        ])
    func interrupted(plugin: String) throws {
        let ledger = try Ledger(in: workshop.directory)
        let (program, exit) = try run(fixturePlugin(plugin), "tag=a", ledger: ledger) { program in
            try #require(program.output.wait(.seconds(20)) { $0.hasPrefix("data: ") } != nil)
            program.signal(SIGINT)
        }
        #expect(exit == .status(0))
        #expect(program.output.lines.last?.hasPrefix("retry: ") == true)
        try ledger.settle()
        #expect(ledger.streams.map(\.reason) == [.shutdown])
        #expect(ledger.entries.violations().isEmpty)
    }

    @Test("Ctrl-C also works if the producer's open never returns, after a while")
    func hangingOpen() throws {
        let (program, exit) = try run(fixturePlugin("HangsAsTold"), "in=open") { program in
            try #require(
                program.errors.wait(.seconds(20)) { $0.message.hasPrefix("producer does not return") } != nil)
            program.signal(SIGINT)
        }
        #expect(exit == .status(1))
        #expect(program.errors.lines.contains { $0.description.contains("hangs-as-told does not end its stream") })
    }

    @Test("a shared producer, with the ids of its hub")
    func shared() throws {
        let (program, exit) = try run(fixturePlugin("SharedNumbers"), "every=1", "--max-events", "3")
        #expect(exit == .status(0))
        #expect(program.output.lines.filter { $0.hasPrefix("data: ") } == ["data: 1", "data: 2", "data: 3"])
        #expect(program.output.lines.contains { $0.hasPrefix("id: ") && $0.hasSuffix("-1") })
    }

    @Test("method, path, headers, query, body and configuration reach the producer")
    func request() throws {
        workshop.write("a body", to: "body.txt")
        workshop.write("producers:\n  tells-the-request: {colour: blue}\n", to: "sluice.yaml")
        let (program, exit) = try run(
            fixturePlugin("TellsTheRequest"), "tells-the-request", "name=a b", "--header", "x-asked=1=2", "--body",
            "body.txt",
            "--last-event-id", "9", "--max-events", "1")
        #expect(exit == .status(0))
        for line in [
            "method=POST", "path=/tells-the-request", "last-event-id=9", "x-asked=1=2", "name=a b",
            "remote-address=127.0.0.1",
            "colour=blue", "body=a body",
        ] {
            #expect(program.output.lines.contains("data: " + line), "\(line): \(program.output.lines)")
        }
    }

    @Test("claims reach a producer, as those of a token do")
    func claims() throws {
        let (program, exit) = try run(
            fixturePlugin("ShowsIdentity"), "identity", "--claim", "sub=ann", "--claim", "role=a=b")
        #expect(exit == .status(0) && program.output.lines.contains("data: ann|a=b|-"), "\(program.output.lines)")
    }

    @Test("a source is built first, and leaves nothing behind")
    func source() throws {
        workshop.write(Workshop.c(saying: "hello"), to: "talker.c")
        let run = try workshop.sluice(
            "run", "talker.c", "--max-events", "1", environment: ["TMPDIR": workshop.directory.path])
        #expect(run.status == 0 && run.output.contains("data: hello\n"), "\(run.output)")
        workshop.write("no code", to: "talker.c")
        let failed = try workshop.sluice("run", "talker.c", environment: ["TMPDIR": workshop.directory.path])
        #expect(failed.status == 1 && failed.output.contains("talker.c:1:"), "\(failed.output)")
        #expect(try workshop.names() == ["talker.c"])
    }

    @Test("a trap in a Swift producer is reported with its source line")
    func trap() throws {
        let talker = Workshop.swift(saying: "one").split(separator: "MessageEvent(\"one\")")
        workshop.write(talker.joined(separator: "MessageEvent([String]()[request.path.count])"), to: "talker.swift")
        let run = try workshop.sluice("run", "talker.swift", environment: ["SWIFT_BACKTRACE": "enable=yes,color=no"])
        #expect(run.status != 0 && run.output.contains("talker.swift:5:"), "\(run.output)")
    }

    @Test("a closed output ends it")
    func brokenPipe() throws {
        let command =
            "\(BuiltProducts.sluice) run \(try fixturePlugin("TicksWithIds")) every=1 | head -n 4; echo ${PIPESTATUS[0]}"
        let piped = try workshop.run("env", "SLUICE_TEST_LEDGER=/dev/null", "bash", "-c", command)
        #expect(piped.output.hasSuffix("\n0\n"), "\(piped.output)")
    }

    @Test("mistakes: one line, and the status shows who has to fix it")
    func mistakes() throws {
        let plugin = try fixturePlugin("EndsAfterCount")
        workshop.write("no plugin", to: "text.so")
        for (words, status, text) in [
            ([], 2, "file.so"), (["missing.so"], 1, "missing.so"), (["text.so"], 1, "text.so"),
            ([plugin, "nobody"], 2, "it has: ends-after-count"), ([plugin, "=1"], 2, "name=value"),
            ([plugin, "ends-after-count", "x"], 2, "name=value"), ([plugin, "--header", "x"], 2, "name=value"),
            ([plugin, "--claim", "x"], 2, "name=value"),
            ([plugin, "--body", "text.so"], 2, "--body"), ([plugin, "--max-events", "0"], 2, "--max-events"),
            ([plugin, "--log-level", "loud"], 2, "--log-level"), ([plugin, "--last-event-id", "sluice-end"], 1, "204"),
        ] as [([String], Int32, String)] {
            let program = try ChildProgram.run(
                workshop.words(["run"] + words, environment: ["SLUICE_TEST_LEDGER": "/dev/null"]))
            #expect(program.status == status, "\(words): \(program.output)")
            #expect(program.output.contains(text), "\(words): \(program.output)")
        }
    }
}
