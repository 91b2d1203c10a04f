import EventStream
import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("Clients that others wrote", .onTestThreads)
struct ClientTests {
    static let environment = getenv("SLUICE_TEST_VENV").map { String(cString: $0) }

    @Test("curl -N shows the events as they come, and ends with the stream")
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

    @Test(
        "libraries from PyPI read events, types and ids, and the end",
        .enabled(if: environment != nil, "SLUICE_TEST_VENV names no virtual environment (see Tests/README.md)"),
        arguments: ["read_sseclient.py", "read_httpx_sse.py"])
    func library(_ script: String) throws {
        let python = "\(Self.environment ?? "")/bin/python"
        try withServer(["TicksWithIds", "TellsTheRequest", "WaitsForEver"]) { server in
            func read(_ target: String) throws -> [[String?]] {
                let program = try ChildProgram.run(
                    [python, "\(repositoryRoot)/Tests/Clients/\(script)", server.url + target])
                #expect(program.status == 0, "\(program.output)")
                return try program.output.split(separator: "\n").map {
                    try JSONDecoder().decode([String?].self, from: Data($0.utf8))
                }
            }
            // What has an id but no data (the mark of the end) is dispatched by neither browsers nor, rightly, libraries.
            let events = try read("/ticks-with-ids?count=4&every=1&tag=a").filter { $0[2] != "" }
            #expect(
                events == [["message", "1", "1"], ["even", "2", "2"], ["message", "3", "3"], ["even", "4", "4"]])
            try server.expectClose(of: "a", .completed)

            let waiting = try RunningProgram(
                [python, "\(repositoryRoot)/Tests/Clients/\(script)", server.url + "/waits-for-ever?tag=b"])
            #expect(waiting.output.wait(.seconds(20)) { $0.contains("the only one") } != nil)
            waiting.signal(SIGKILL)
            try server.expectClose(of: "b", .disconnected)
        }
    }
}
