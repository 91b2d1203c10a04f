import EventStream
import Glibc
import TestSupport
import Testing

@Suite("A reload of a shared producer", .onTestThreads)
struct SharedReloadTests {
    @Test("a later subscriber gets the new code, after the old history; earlier ones must reconnect at the deadline")
    func newcomers() throws {
        try withServer(["SharedNumbers"], flags: ["--drain-deadline", "1s"]) { server in
            let target = "/shared-numbers?tag=a&every=5"
            let old = try server.subscribe(target)
            let events = try (0..<20).map { _ in try old.nextEvent() }
            try server.install("SharedNumbers", appending: [0])
            try server.reload()

            let new = try server.subscribe(target, headers: [("Last-Event-ID", events[9].id ?? "")])
            #expect(try new.nextEvent().data == events[10].data, "the history goes on")
            // The new stream counts from 1 again.
            var last = events[10]
            var isNew = false
            for _ in 0..<1000 where !isNew {
                let event = try new.nextEvent()
                isNew = event.data == "1"
                #expect(try number(event) > number(last), "\(event) after \(last)")
                last = event
            }
            #expect(isNew)
            try server.ledger.settle()
            #expect(server.ledger.streams.map(\.tag) == ["a", "a"])
            #expect(Set(server.ledger.streams.map(\.name.generation)).count == 2)

            let rest = try old.client.readToEnd()
            #expect(rest.hasSuffix("\r\n0\r\n\r\n") && rest.contains("retry: "), "\(rest.suffix(60))")
            try server.waitForLog(
                "stream closed", ["plugin": "shared-numbers", "generation": "1", "reason": "reloaded"])
            _ = try new.nextEvent()

            // The old generation's ledger is kept after its end.
            try server.ledger.wait(for: "shutdown", within: .seconds(30))
            server.signal(SIGUSR1)
            try server.waitForLog(
                "ledger of earlier generations",
                [
                    "plugin": "shared-numbers", "generations": "1", "opens": "1", "closes": "1",
                    "reasons": "reloaded=1", "leaves": "reloaded=1",
                ])
            try server.waitForLog("ledger", ["plugin": "shared-numbers", "generation": "2", "opens": "1", "open": "1"])
        }
    }

    /// The number in the hub's id. The id's epoch must stay the same.
    private func number(_ event: TestEvent) throws -> UInt64 {
        try #require(UInt64((event.id ?? "").split(separator: "-").last ?? ""))
    }
}
