import FoundationEssentials
import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("Third-party clients", .onTestThreads)
struct ClientTests {
    static let environment = getenv("SLUICE_TEST_VENV").map { String(cString: $0) }

    @Test("curl -N shows the events as they arrive, and ends with the stream")
    func curl() throws {
        try withServer(["TicksWithIds", "WaitsForEver"]) { server in
            let whole = try ChildProgram.run(
                ["curl", "-sSN", "--max-time", "20", "\(server.url)/ticks-with-ids?count=3&tag=a"])
            #expect(whole.status == 0)
            #expect(whole.output.contains("id: 1\ndata: 1\n\nevent: even\nid: 2\ndata: 2\n\nid: 3\ndata: 3\n\n"))
            try server.expectClose(of: "a", .completed)

            let waiting = try RunningProgram(["curl", "-sSN", "\(server.url)/waits-for-ever?tag=b"])
            #expect(waiting.output.wait(.seconds(10)) { $0 == "data: the only one" } != nil)
            waiting.signal(SIGINT)
            try server.expectClose(of: "b", .disconnected)
        }
    }

    private static let libraries: ConditionTrait = .enabled(
        if: environment != nil, "SLUICE_TEST_VENV names no virtual environment (see Tests/README.md)")

    /// Starts one of the programs in `Clients`.
    private func start(_ script: String, _ arguments: String...) throws -> RunningProgram {
        try RunningProgram(
            ["\(Self.environment ?? "")/bin/python", "\(repositoryRoot)/Tests/Clients/\(script)"] + arguments)
    }

    /// The lines that a program printed before its end, each an array in JSON.
    private func lines(of program: RunningProgram) throws -> [[String?]] {
        let status = program.waitForExit(.seconds(60))
        #expect(status == .status(0), "\(program.errors.lines)")
        #expect(program.output.waitForEnd(.seconds(10)))
        return try program.output.lines.map { try JSONDecoder().decode([String?].self, from: Data($0.utf8)) }
    }

    @Test(
        "libraries from PyPI read events, types and ids, and the end; keep-alives cause no event", libraries,
        arguments: ["read_sseclient.py", "read_httpx_sse.py"])
    func library(_ script: String) throws {
        try withServer(["TicksWithIds", "WaitsForEver"], flags: ["--keep-alive", "40ms"]) { server in
            let events = try lines(of: start(script, "\(server.url)/ticks-with-ids?count=4&every=150&tag=a"))
            #expect(
                events == [
                    ["message", "1", "1"], ["even", "2", "2"], ["message", "3", "3"], ["even", "4", "4"],
                    ["sluice-end", "sluice-end", ""],
                ])
            try server.expectClose(of: "a", .completed)

            let waiting = try start(script, server.url + "/waits-for-ever?tag=b")
            #expect(waiting.output.wait(.seconds(20)) { $0.contains("the only one") } != nil)
            waiting.signal(SIGKILL)
            try server.expectClose(of: "b", .disconnected)
        }
    }

    /// If a body ends with its connection, these libraries wait for some hundred bytes before they pass on any.
    @Test(
        "libraries that read by the chunk get each event when it arrives", libraries,
        arguments: ["read_sseclient.py", "read_urllib3.py"])
    func promptly(_ script: String) throws {
        try withServer(["WaitsForEver"]) { server in
            // Nothing else is sent for 15 seconds after the event.
            let waiting = try start(script, server.url + "/waits-for-ever?tag=a")
            #expect(waiting.output.wait(.seconds(10)) { $0.contains("the only one") } != nil)
            waiting.signal(SIGKILL)
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test(
        "the OpenAI library streams a completion, through keep-alives, with ids and without", libraries,
        arguments: ["plain", "ids"])
    func completions(_ route: String) throws {
        try withServer([fixturePlugin("SpeaksLikeAModel")], flags: ["--keep-alive", "50ms"]) { server in
            let pieces = try lines(of: start("read_openai.py", "\(server.url)/\(route)"))
            #expect(pieces.map { $0[2] } == ["Hello", ", ", "world", "."])
            // The same answer, unfiltered.
            let events = try lines(of: start("read_httpx_sse.py", "\(server.url)/\(route)/chat/completions", "POST"))
            #expect(events.count == 5 && events.last?[2] == "[DONE]")
            #expect(events.map { $0[1] } == (route == "ids" ? ["1", "2", "3", "4", "5"] : ["", "", "", "", ""]))
        }
    }

    @Test("an incomplete response differs from a complete one: curl's exit status")
    func cutOff() throws {
        try withServer([fixturePlugin("SpeaksLikeAModel"), fixturePlugin("TicksWithIds")]) { server in
            func curl(_ arguments: String...) throws -> RunningProgram {
                try RunningProgram(["curl", "-sSN", "--max-time", "30"] + arguments)
            }
            let complete = try curl("-X", "POST", "\(server.url)/plain/chat/completions?every=1")
            #expect(complete.waitForExit(.seconds(30)) == .status(0))
            #expect(complete.output.waitForEnd(.seconds(10)) && complete.output.lines.contains("data: [DONE]"))
            #expect(!complete.output.lines.contains { $0.hasPrefix("retry") || $0.contains("sluice-") })
            let cut = try curl("-X", "POST", "\(server.url)/plain/chat/completions?every=60000")
            let stream = try curl("\(server.url)/ticks-with-ids")
            for waiting in [cut, stream] {
                #expect(waiting.output.wait(.seconds(10)) { $0.hasPrefix("data: ") } != nil)
            }
            server.signal(SIGTERM)
            // 18: "transfer closed with outstanding read data remaining". A GET's client gets a reconnection time and a
            // complete response.
            #expect(cut.waitForExit(.seconds(30)) == .status(18))
            #expect(stream.waitForExit(.seconds(30)) == .status(0))
            #expect(stream.output.waitForEnd(.seconds(10)) && stream.output.lines.last?.hasPrefix("retry: ") == true)
            #expect(try server.waitForExit() == .status(0))
        }
    }
}
