import Glibc
import TestSupport
import Testing

@Suite("Log lines of plugins", .onTestThreads)
struct LogFloodTests {
    @Test("without end: a limited number is written per second, and the rest is counted completely")
    func flood() throws {
        try withServer(["LogsWithoutEnd"]) { server in
            let count = 20_000
            let event = try server.subscribe("/logs-without-end?count=\(count)").nextEvent()
            #expect(event.data == "logged")
            // The last omitted lines are reported a second later, even if nothing more is logged.
            let isComplete = blockingEventually(within: .seconds(20)) { told(server) == count }
            #expect(isComplete, "\(told(server))")
            let left = server.logLines.filter { $0.message.hasPrefix("log lines left out") }
            #expect(!left.isEmpty)
            for line in left { #expect(line["plugin"] == "logs-without-end" && line["producer"] == "logs-without-end") }
        }
    }

    /// The number of lines that were written or reported as missing.
    private func told(_ server: SluiceServer) -> Int {
        server.logLines.reduce(0) { sum, line in
            if line.message == "and another line" { return sum + 1 }
            return line.message.hasPrefix("log lines ") ? sum + (line["count"].flatMap { Int($0) } ?? 0) : sum
        }
    }
}
