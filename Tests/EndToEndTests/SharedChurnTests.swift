import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("Thousands that join and leave a shared stream", .onTestThreads, .serialized)
struct SharedChurnTests {
    @Test("those who stay get every event, once and in order; afterwards nothing is left over")
    func churn() throws {
        var random = SeededRandom.fromEnvironment(test: "shared churn")
        let target = "/shared-numbers?tag=a&every=2"
        try withServer(["SharedNumbers"], flags: ["--linger", "100ms"]) { server in
            _ = try server.subscribe(target).nextEvent()
            let before = try server.restingFigures()
            let readers = try SharedReaders(server, target, count: 5, isLate: true)
            let start = readers.numbers
            let crowd = Crowd(server, [target], threads: 3, visits: 700, isTagged: true, &random)
            try readers.read(within: .seconds(120)) { crowd.isOver }
            #expect(crowd.failures.isEmpty && readers.faults.isEmpty, "\(readers.faults.prefix(5))")
            #expect(zip(start, readers.numbers).allSatisfy { $1 > $0 + 50 }, "\(start) \(readers.numbers)")
            readers.close()
            try server.expectClose(of: "a", .disconnected)
            let after = try server.restingFigures()
            #expect(after.descriptors <= before.descriptors, "descriptors are left over")
            #expect(after.threads <= before.threads, "threads are left over")
            // What the allocator keeps of the largest crowd is no leak; a leaked connection or record per visit would be more.
            let grown = after.residentBytes - before.residentBytes
            #expect(grown < 8 << 20, "\(grown) bytes more")
            print(
                "\(readers.numbers.max()! - start[0]) events while 2,100 came and went: \(grown / 1024) KiB more memory"
            )
            try server.expectBalancedLedger()
        }
    }

    @Test(
        "thousands of parameter sets: no more are open at a time than may be, and a clear refusal says which limit it is"
    )
    func manyParameters() throws {
        let flags = ["--max-hubs-per-producer", "20", "--linger", "1h"]
        try withServer(["SharedNumbers"], flags: flags) { server in
            let staying = try (0..<20).map { try server.subscribe("/shared-numbers?tag=stays-\($0)") }
            for subscriber in staying { _ = try subscriber.nextEvent() }
            for number in 0..<100 {
                let response = try server.expectRefusal(503, of: "/shared-numbers?tag=new-\(number)")
                #expect(response["Retry-After"] != nil)
            }
            try server.waitForLog("a subscriber was refused", ["reason": "max-hubs-per-producer"])
            #expect(try staying[0].nextEvent().data != nil)
            for subscriber in staying.dropFirst(10) { subscriber.client.close() }
            var left = 0
            try server.waitForLog("tenth line about who left") { line in
                if line.message == "subscriber left" { left += 1 }
                return left == 10
            }
            // Those that nobody uses make room, although they would linger for an hour.
            for number in 0..<2000 {
                let subscriber = try server.subscribe("/shared-numbers?tag=\(number)")
                #expect(try subscriber.head().status == 200)
                subscriber.client.close()
            }
            for subscriber in staying.prefix(10) { _ = try subscriber.nextEvent() }
            #expect(server.ledger.streams.count { $0.tag?.hasPrefix("stays-") == true && $0.reason == nil } >= 10)
            try server.ledger.settle()
            let open = server.ledger.streams.count { $0.wasOpened && !$0.isOver }
            #expect(open <= 21, "\(open) streams are open")
        }
    }
}
