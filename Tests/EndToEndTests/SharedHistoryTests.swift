import FoundationEssentials
import TestSupport
import Testing

@Suite("The history of shared streams", .onTestThreads)
struct SharedHistoryTests {
    private struct Gap: Decodable, Equatable {
        let oldest: String?
        let lost: UInt64?
    }

    private func gap(_ event: TestEvent, sourceLocation: SourceLocation = #_sourceLocation) throws -> Gap {
        try #require(event.type == "sluice-gap", "\(event)", sourceLocation: sourceLocation)
        return try JSONDecoder().decode(Gap.self, from: Data((event.data ?? "").utf8))
    }

    private func number(_ event: TestEvent) throws -> Int {
        try #require(event.type == nil, "\(event)")
        return try #require(Int((event.data ?? "").prefix { $0 != " " }))
    }

    /// Checks the numbers of the next events, which must be consecutive.
    private func expectSequence(_ subscriber: TestSubscriber, from start: Int, count: Int) throws {
        for expected in start..<start + count { try #require(try number(subscriber.nextEvent()) == expected) }
    }

    @Test("a subscriber that reconnects with an id gets exactly what followed it")
    func resuming() throws {
        try withServer(["SharedNumbers"]) { server in
            let first = try server.subscribe("/shared-numbers?tag=a&every=2")
            let events = try (0..<50).map { _ in try first.nextEvent() }
            #expect(Set(events.compactMap(\.id)).count == 50)
            for position in [0, 17, 49] {
                let event = events[position]
                let again = try server.subscribe("/shared-numbers?tag=a&every=2", returningWith: event.id ?? "")
                try expectSequence(again, from: number(event) + 1, count: 100)
                let query = try server.subscribe("/shared-numbers?every=2&lastEventId=\(event.id ?? "")&tag=a")
                try expectSequence(query, from: number(event) + 1, count: 20)
            }
            #expect(server.ledger.streams.count == 1)
            // The producer gets nothing of a subscriber's request, and no id of the hub.
            #expect(server.ledger.streams.first?.lastEventID == "-")
        }
    }

    @Test("an id that is no longer in the history gets a notice of the gap, then everything in the history")
    func overrun() throws {
        try withServer(["SharedNumbers"], flags: ["--history-events", "5"]) { server in
            let first = try server.subscribe("/shared-numbers?tag=a&every=2")
            let seen = try first.nextEvent()
            try expectSequence(first, from: number(seen) + 1, count: 30)
            let again = try server.subscribe("/shared-numbers?tag=a&every=2", returningWith: seen.id ?? "")
            let gap = try gap(again.nextEvent())
            let next = try again.nextEvent()
            #expect(gap.oldest == next.id)
            #expect(try gap.lost == UInt64(number(next) - number(seen) - 1))
            try expectSequence(again, from: number(next) + 1, count: 30)
        }
    }

    @Test("history= requests the last events; an invalid number is rejected")
    func history() throws {
        try withServer(["SharedNumbers"], flags: ["--history-events", "1000"]) { server in
            let first = try server.subscribe("/shared-numbers?tag=a&every=20")
            try expectSequence(first, from: 1, count: 20)
            let ten = try server.subscribe("/shared-numbers?tag=a&every=20&history=10")
            let start = try number(ten.nextEvent())
            #expect(start >= 11)
            try expectSequence(ten, from: start + 1, count: 15)
            let all = try server.subscribe("/shared-numbers?tag=a&every=20&history=all")
            try expectSequence(all, from: 1, count: 30)
            let most = try server.subscribe("/shared-numbers?tag=a&every=20&history=99999999999999999999999")
            try expectSequence(most, from: 1, count: 30)
            let none = try server.subscribe("/shared-numbers?tag=a&every=20&history=0")
            #expect(try number(none.nextEvent()) > 30)
            for text in ["-1", "", "1.5", "x", "%20", "ALL", "1e3", "%00"] {
                let response = try server.expectRefusal(400, of: "/shared-numbers?tag=a&every=20&history=\(text)")
                #expect(response.body.contains("history"), "\(text): \(response.body)")
            }
            #expect(server.ledger.streams.count == 1)
        }
    }

    @Test("ids from before a restart of the server are recognized as foreign")
    func restart() throws {
        var old: [TestEvent] = []
        try withServer(["SharedNumbers"]) { server in
            let subscriber = try server.subscribe("/shared-numbers?tag=a&every=2")
            old = try (0..<20).map { _ in try subscriber.nextEvent() }
        }
        try withServer(["SharedNumbers"]) { server in
            let first = try server.subscribe("/shared-numbers?tag=a&every=2")
            let new = try (0..<30).map { _ in try first.nextEvent() }
            #expect(Set(new.compactMap(\.id)).isDisjoint(with: Set(old.compactMap(\.id))))
            let again = try server.subscribe("/shared-numbers?tag=a&every=2", returningWith: old[10].id ?? "")
            #expect(try gap(again.nextEvent()).oldest == new[0].id)
            try expectSequence(again, from: 1, count: 50)
        }
    }

    @Test("absurd ids cause gaps or rejections, and nothing else")
    func absurdIDs() throws {
        try withServer(["SharedNumbers"]) { server in
            let first = try server.subscribe("/shared-numbers?tag=a")
            let own = try first.nextEvent().id ?? ""
            let other = try server.subscribe("/shared-numbers?tag=b").nextEvent().id ?? ""
            let epoch = own.prefix { $0 != "-" }
            for id in [
                other, "x", "-", "\(epoch)-", "\(epoch)", "\(epoch)-99999999999999999999999999",
                "\(epoch)-18446744073709551615",
                "\(epoch)--1", "\(epoch)-1x", "\u{1F600}", String(repeating: "9", count: 15_000), "-\(own)", "\(own)-",
            ] {
                let again = try server.subscribe("/shared-numbers?tag=a", returningWith: id)
                #expect(try gap(again.nextEvent()).lost == nil, "\(id.prefix(40))")
                _ = try number(again.nextEvent())
            }
            let huge = String(repeating: "x", count: 65536)
            try server.expectRefusal(431, of: "/shared-numbers?tag=a", lastEventID: huge)
            // Bytes that are invalid in a header, and valid ones that are not text.
            for bytes in [[0xFF, 0xFE, 0x80], [0x01], [0x00], Array(0x80...0xFF)] as [[UInt8]] {
                let client = try server.connect()
                try client.send(
                    Array("GET /shared-numbers?tag=a HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: ".utf8) + bytes)
                try client.send("\r\n\r\n")
                let status = try TestSubscriber(on: client).head().status
                #expect([200, 400].contains(status), "\(bytes): \(status)")
            }
            _ = try first.nextEvent()
        }
    }

    @Test("a producer with its own ids is resumed from the history while it is open, and by itself after that")
    func ownIDs() throws {
        let log = try FollowedLog("one\ntwo\nthree\n")
        try withTail(of: log, flags: ["--linger", "200ms", "--loops", "1"]) { server in
            let target = log.target + "&from=start"
            let first = try server.follow(log, "&from=start")
            let ids = try (0..<3).map { _ in try first.nextEvent().id ?? "" }
            // From the history, in the same stream.
            let second = try server.subscribe(target, returningWith: ids[0])
            #expect(try second.nextData(2) == ["two", "three"])
            log.write("four\n")
            #expect(try second.nextEvent().data == "four")
            #expect(try first.nextEvent().data == "four")
            second.client.close()
            try server.leave(first)
            // From the file, in a new stream: no gap, because nothing is missing.
            log.write("five\n")
            let third = try server.subscribe(target, returningWith: ids[1])
            #expect(try third.nextData(3) == ["three", "four", "five"])
            // The new stream's history starts after that id.
            let fourth = try server.subscribe(target, returningWith: ids[0])
            _ = try gap(fourth.nextEvent())
            #expect(try fourth.nextData(3) == ["three", "four", "five"])
        }
    }

    /// The next event, which must follow the last one directly or after a reported gap: on a busy machine, any reader
    /// can be too slow.
    private func next(_ subscriber: TestSubscriber, after last: Int) throws -> (number: Int, lost: Int) {
        var (event, lost) = (try subscriber.nextEvent(), 0)
        while event.type == "sluice-gap" {
            lost += Int(try #require(try gap(event).lost))
            event = try subscriber.nextEvent()
        }
        let number = try number(event)
        try #require(number == last + lost + 1)
        return (number, lost)
    }

    @Test("with --slow-policy skip, a slow subscriber is told how much it lost, and continues live")
    func skipping() throws {
        let flags = ["--slow-policy", "skip", "--history-events", "16", "--loops", "1"]
        try withServer(["SharedNumbers"], flags: flags) { server in
            let target = "/shared-numbers?tag=a&every=1&bytes=4096"
            let slow = try TestSubscriber(
                asking: target, on: RawClient(port: server.port, receiveBufferBytes: 65536))
            var last = try number(slow.nextEvent())
            let quick = try server.subscribe(target)
            let start = try number(quick.nextEvent())
            // Far more than the sockets can hold.
            var newest = start
            while newest < start + 3000 { newest = try next(quick, after: newest).number }
            var lost = 0
            while lost == 0 { (last, lost) = try next(slow, after: last) }
            #expect(lost > 100)
            for _ in 0..<5 { last = try next(slow, after: last).number }
            #expect(server.ledger.streams.count == 1)
        }
    }
}
