import Glibc
import ProducerInterface
import TestSupport
import Testing

/// A non-blocking function that does not return, or ends the thread that calls it.
@Suite("A call that does not return", .onTestThreads)
struct HangingCallTests {
    /// A server with one loop, and a stream of an innocent plugin on it.
    private func withNeighbour(
        of plugin: String = "HangsAsTold", _ body: (SluiceServer, () throws -> Void) throws -> Void
    ) throws {
        let flags = ["--loops", "1", "--call-deadline", "200ms"]
        try withServer([plugin, "TicksWithIds"], flags: flags) { server in
            let neighbour = try server.subscribe("/ticks-with-ids?every=5&tag=neighbour")
            try body(server) { for _ in 0..<20 { _ = try neighbour.nextEvent() } }
            neighbour.client.close()
            try server.expectClose(of: "neighbour", .disconnected)
        }
    }

    @Test(
        "is named while it hangs, and costs its own stream a wait and the others nothing",
        arguments: ["open", "next", "close"])
    func hangs(function: String) throws {
        try withNeighbour { server, neighbourGoesOn in
            let stream = try server.subscribe("/hangs-as-told?in=\(function)&tag=a")
            if function == "close" {
                _ = try stream.nextEvent()
                stream.client.close()
            }
            let line = try server.waitForLog("line about the call") {
                $0.message.hasPrefix("producer does not return") && $0["function"] == function
            }
            #expect(line["plugin"] == "hangs-as-told" && line["producer"] == "hangs-as-told" && line.level == "error")
            try neighbourGoesOn()
            let newcomer = try server.subscribe("/ticks-with-ids?count=3&every=1&tag=newcomer")
            #expect(try newcomer.rest().count { $0.data != nil } == 3)
            let status = try server.run("status", server.pluginDirectory)
            #expect(status.output.contains("calls that do not return\n  hangs-as-told 1  hangs-as-told  \(function)"))

            server.openGate()
            try server.waitForLog("line about its return") { $0.message.hasPrefix("producer has returned after all") }
            try neighbourGoesOn()
            if function != "close" {
                #expect(try stream.nextEvent().data == "first")
                #expect(try stream.nextEvent().data == "second")
                stream.client.close()
            }
            try server.expectClose(of: "a", .disconnected)
            #expect(try !server.run("status", server.pluginDirectory).output.contains("calls that do not return"))
        }
    }

    @Test("at the end of the server it is the one that is blamed")
    func blamed() throws {
        try withServer(
            ["HangsAsTold", "TicksWithIds"], flags: ["--loops", "1", "--shutdown-deadline", "1s"], leavesStreams: true
        ) { server in
            let stream = try server.subscribe("/hangs-as-told?in=next&tag=a")
            _ = try stream.nextEvent()
            let neighbour = try server.subscribe("/ticks-with-ids?every=5&tag=b")
            try server.waitForLog("line about the call") { $0.message.hasPrefix("producer does not return") }
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(30)) == .status(1))
            let line = try server.waitForLog("stopped, although some streams or plugins did not end")
            #expect(line["plugins"] == "hangs-as-told (generation 1)")
            #expect(server.ledger.stream("b")?.reason == .shutdown)
            neighbour.client.close()
        }
    }

    @Test(
        "one that ends its thread fails its stream, and the others go on", arguments: ["open", "next", "close"],
        ["SLUICE_NONBLOCKING", "0"])
    func endsItsThread(function: String, flags: String) throws {
        let plugin = try fixturePlugin("EndsItsThread", defines: ["FLAGS=\(flags)"])
        try withNeighbour(of: plugin) { server, neighbourGoesOn in
            let stream = try server.subscribe("/ends-its-thread?in=\(function)")
            if function == "close" {
                _ = try stream.nextEvent()
                stream.client.close()
            }
            let line = try server.waitForLog("line about the thread") {
                $0.message.hasPrefix("producer has ended a thread of the server") && $0["function"] == function
            }
            #expect(line["plugin"] == "ends-its-thread")
            try neighbourGoesOn()
            if function == "open" { #expect(try stream.head().status == 500) }
            if function == "next" {
                #expect(try stream.nextEvent().data == "first")
                #expect(try stream.rest().last?.type == "stream-error")
            }
        }
    }
}
