import Glibc
import TestSupport
import Testing

@Suite("Plugins that log", .onTestThreads)
struct LogFloodTests {
    @Test("without end: so many lines a second are written, and the rest is counted to the last one")
    func flood() throws {
        try withServer(["LogsWithoutEnd"]) { server in
            let count = 20_000
            let event = try server.subscribe("/logs-without-end?count=\(count)").nextEvent()
            #expect(event.data == "logged")
            // What was left out last is told a second later, though nothing more is said.
            let isComplete = blockingEventually(within: .seconds(20)) { told(server) == count }
            #expect(isComplete, "\(told(server))")
            let left = server.logLines.filter { $0.message.hasPrefix("log lines left out") }
            #expect(!left.isEmpty)
            for line in left { #expect(line["plugin"] == "logs-without-end" && line["producer"] == "logs-without-end") }
        }
    }

    /// Lines that were written, and those that are said to be missing.
    private func told(_ server: SluiceServer) -> Int {
        server.logLines.reduce(0) { sum, line in
            if line.message == "and another line" { return sum + 1 }
            return line.message.hasPrefix("log lines ") ? sum + (line["count"].flatMap { Int($0) } ?? 0) : sum
        }
    }
}
