import Glibc
import ProducerInterface
import SystemCalls
import TestSupport
import Testing

@Suite("Joining and leaving a shared stream", .onTestThreads)
struct SharedJoiningTests {
    @Test("equal parameters share one open, however they are spelled; others have their own")
    func sharing() throws {
        try withServer(["SharedNumbers"]) { server in
            let spellings = [
                "tag=a&every=5", "every=5&tag=a", "every=%35&tag=%61", "tag=a&every=5&count=-1&bytes=0&held=false",
                "unknown=1&tag=a&every=5&every=7",
            ]
            let subscribers = try spellings.map { try server.subscribe("/shared-numbers?\($0)") }
            let first = try subscribers.map { try $0.nextEvent() }
            // All see the same events with the same ids, wherever each has joined.
            let ids = Dictionary(first.map { ($0.data ?? "", $0.id ?? "") }) { one, other in
                #expect(one == other)
                return one
            }
            #expect(ids.allSatisfy { $0.value.hasSuffix("-\($0.key)") }, "\(ids)")
            _ = try server.subscribe("/shared-numbers?tag=b&every=5").nextEvent()
            try server.ledger.settle()
            #expect(server.ledger.streams.map(\.tag) == ["a", "b"])
        }
    }

    @Test("the first subscriber misses no event that arrives while it gets its connection")
    func firstEvent() throws {
        try withServer(["SharedNumbers"]) { server in
            let subscribers = try (0..<100).map { try server.subscribe("/shared-numbers?tag=\($0)&every=60000") }
            for subscriber in subscribers { #expect(try subscriber.nextEvent().data == "1") }
        }
    }

    @Test("the stream stays open after its last subscriber for the linger time, and is then closed")
    func linger() throws {
        try withServer(["SharedNumbers"], flags: ["--linger", "300ms"]) { server in
            let first = try server.subscribe("/shared-numbers?tag=a")
            let seen = try first.nextEvent().data.flatMap { Int($0) } ?? 0
            first.client.close()
            try server.waitForLog("subscriber left", ["reason": "disconnected"])
            let left = monotonicNanoseconds()
            let second = try server.subscribe("/shared-numbers?tag=a")
            #expect(try second.nextEvent().data.flatMap { Int($0) } ?? 0 > seen)
            second.client.close()
            let closed = try server.expectClose(of: "a", .disconnected)
            #expect(closed.nanoseconds - left >= 300_000_000)
            #expect(server.ledger.streams.count == 1)
            // Afterwards, there is a new stream.
            let third = try server.subscribe("/shared-numbers?tag=a")
            #expect(try third.nextEvent().data == "1")
            try server.ledger.waitForOpens(2)
        }
    }

    @Test("all get the end, and a browser that reconnects with it is told that there is no more")
    func completion() throws {
        try withServer(["SharedNumbers"]) { server in
            let target = "/shared-numbers?tag=a&held=true&count=5"
            let subscribers = try (0..<5).map { _ in try server.subscribe(target) }
            for subscriber in subscribers { _ = try subscriber.head() }
            server.openGate()
            for subscriber in subscribers {
                let events = try subscriber.rest()
                #expect(events.compactMap(\.data) == ["1", "2", "3", "4", "5"])
                #expect(subscriber.endMark?.id == "sluice-end")
            }
            try server.expectClose(of: "a", .completed)
            try server.expectRefusal(204, of: target, lastEventID: "sluice-end")
        }
    }

    @Test("a burst of joins and leaves leaves neither descriptors nor streams behind")
    func churn() throws {
        try withServer(["SharedNumbers"], flags: ["--linger", "0"]) { server in
            // The loops and the front door create their own descriptors at first use.
            let warm = try (0..<4).map { _ in try server.subscribe("/shared-numbers?every=1") }
            for subscriber in warm { _ = try subscriber.nextEvent() }
            let before = try ProcessFigures(of: server.program.pid).descriptors
            let departures = Departure.allCases
            for round in 0..<6 {
                let visitors = try (0..<250).map { try server.subscribe("/shared-numbers?every=1&tag=\($0 % 5)") }
                if round % 2 == 0 { for visitor in visitors { _ = try visitor.head() } }
                if round % 3 == 0 { for visitor in visitors { _ = try visitor.nextEvent() } }
                for (index, visitor) in visitors.enumerated() {
                    departures[index % departures.count].leave(visitor.client)
                }
            }
            _ = try ProcessFigures.wait(for: server.program.pid, within: .seconds(30)) { $0.descriptors <= before }
            // The remaining ones are not affected.
            for subscriber in warm { _ = try subscriber.nextEvent() }
            for tag in 0..<5 { try server.ledger.wait(for: "close-enter", tag: "\(tag)") }
        }
    }

    @Test("the number of a producer's hubs is limited; a request for another one is refused, joining is not")
    func hubLimit() throws {
        try withServer(["SharedNumbers"], flags: ["--max-hubs-per-producer", "3", "--linger", "0"]) { server in
            let held = try (0..<3).map { try server.subscribe("/shared-numbers?tag=\($0)") }
            for subscriber in held { _ = try subscriber.nextEvent() }
            for tag in 3..<50 { try server.expectRefusal(503, of: "/shared-numbers?tag=\(tag)") }
            try server.waitForLog("the limit is named") { $0.description.contains("max-hubs-per-producer") }
            _ = try server.subscribe("/shared-numbers?tag=2").nextEvent()
            held[0].client.close()
            try server.expectClose(of: "0", .disconnected)
            _ = try server.subscribeOnceFree("/shared-numbers?tag=new")
        }
    }
}
