import ProducerInterface
import TestSupport
import Testing

@Suite("A thousand readers of one stream", .onTestThreads, .serialized)
struct SharedFanOutTests {
    /// 100 never read: their sockets are soon full. Their events must neither delay the others nor use memory.
    @Test(
        "readers that never read are disconnected, and do not affect the others",
        arguments: [
            // By the history: their next event is no longer in it.
            (["--history-events", "64"], ["slow"]),
            // By the deadline, before the history. A subscriber that sent no acknowledgement for most of that time
            // counts as gone. The 900 others are read on one thread, so on a busy machine, one of them may have to wait
            // for seconds.
            (
                ["--history-events", "4096", "--history-bytes", "64M", "--write-deadline", "8s"],
                ["slow", "disconnected"]
            ),
        ])
    func stalled(flags: [String], reasons: [String]) throws {
        let (count, eventCount) = (900, 200)
        try withServer(["SharedNumbers"], flags: flags) { server in
            let target = "/shared-numbers?tag=a&held=true&every=60&bytes=4096&count=\(eventCount)"
            let stalled = try (0..<100).map { _ in
                let client = try RawClient(port: server.port, receiveBufferBytes: 4096, segmentBytes: 536)
                let subscriber = try TestSubscriber(asking: target, on: client)
                _ = try subscriber.head()
                return subscriber
            }
            let readers = try SharedReaders(server, target, count: count)
            let before = try ProcessFigures(of: server.program.pid).residentBytes
            server.openGate()
            try readers.read(within: .seconds(120))
            let grown = try ProcessFigures(of: server.program.pid).residentBytes - before
            #expect(readers.faults.isEmpty, "\(readers.faults.prefix(5))")
            #expect(readers.numbers == Array(repeating: eventCount, count: count))
            // A copy for each stalled reader would take 80 MB.
            print("1000 readers, 100 of them stalled: \(grown / 1024) KiB more memory")
            #expect(grown < 24 << 20)
            var dropped = 0
            try server.waitForLog("end of all that were stalled") { line in
                if line.message == "subscriber left", reasons.contains(line["reason"] ?? "") { dropped += 1 }
                return dropped == stalled.count
            }
            #expect(server.ledger.streams.count == 1)
            try server.expectClose(of: "a", .completed)
        }
    }
}
