import Glibc
import TestSupport
import Testing

/// An event is the same in all three ways: returned by `next`, passed to `emit`, or created by a function of
/// `callback`.
@Suite("Three ways to send an event", .onTestThreads)
struct EventWaysTests {
    private static let producers = ["own", "own-threads", "shared", "shared-threads"]

    /// The number in `{"n":7,"build":1,"last":"-"}`, its build, and the last id that `open` received.
    private struct Number: Equatable {
        let n: Int
        let build: Int
        let last: String

        init(_ event: TestEvent) throws {
            let data = event.data ?? ""
            guard let match = data.wholeMatch(of: /\{"n":(\d+),"build":(\d+),"last":"([^"]*)"\}/),
                let n = Int(match.1), let build = Int(match.2)
            else { throw TestFailure("no number: \(event)") }
            (self.n, self.build, last) = (n, build, String(match.3))
            guard event.id == String(n) else { throw TestFailure("number \(n) has the id \(event.id ?? "none")") }
        }
    }

    private func server(
        _ flags: [String] = [], _ body: (SluiceServer) throws -> Void
    ) throws {
        let plugin = try fixturePlugin("NumbersThreeWays", defines: ["BUILD=1"])
        try withServer([plugin], flags: flags, body)
    }

    @Test(
        "events emitted within next come before the one that it returns, and so before all later ones",
        arguments: ["0", "SLUICE_NONBLOCKING", "SLUICE_SHARED", "SLUICE_SHARED | SLUICE_NONBLOCKING"])
    func emittedWithinNext(flags: String) throws {
        try withServer([fixturePlugin("EmitsInNext", defines: ["FLAGS=(\(flags))"])]) { server in
            let events = try server.subscribe("/emits-in-next").rest().compactMap(\.data)
            let expected = (1...200).flatMap { ["emitted \($0)", "returned \($0)"] }
            #expect(events.filter { !$0.isEmpty } == expected)
        }
    }

    @Test("after a reload, the stream continues after the last id, in the same response", arguments: producers, 0...2)
    func reload(producer: String, way: Int) throws {
        try server { server in
            let subscriber = try server.subscribe("/\(producer)?way=\(way)")
            var expected = 1
            var number = try Number(subscriber.nextEvent())
            // A stream that has already begun can start at any number.
            expected = number.n + 1
            while number.n < 5 {
                number = try Number(subscriber.nextEvent())
                #expect(number.n == expected && number.build == 1)
                expected += 1
            }
            try server.install(fixturePlugin("NumbersThreeWays", defines: ["BUILD=2"]))
            server.signal(SIGHUP)
            repeat {
                number = try Number(subscriber.nextEvent())
                #expect(number.n == expected, "after \(expected - 1)")
                expected += 1
            } while number.build == 1
            #expect(number.last == String(number.n - 1), "what the new open was told")
            subscriber.client.close()
        }
    }

    @Test(
        "a subscriber resumes after its id; the id of a complete stream opens none", arguments: producers, 0...2)
    func returning(producer: String, way: Int) throws {
        try server { server in
            let target = "/\(producer)?way=\(way)&count=6&every=2"
            let whole = try server.subscribe(target)
            #expect(try Number(#require(whole.rest().last)).n == 6)
            #expect(whole.endMark?.id == "sluice-end")
            let back = try server.subscribe(target, headers: [("Last-Event-ID", "4")]).rest()
            #expect(try back.filter { $0.data != nil }.map { try Number($0).n } == [5, 6])
            try server.expectRefusal(204, of: target, lastEventID: "sluice-end")
        }
    }

    @Test(
        "a subscriber whose id is no longer in a shared stream's history is told of the gap",
        arguments: ["shared", "shared-threads"], 0...2)
    func gap(producer: String, way: Int) throws {
        try server(["--history-events", "3"]) { server in
            let target = "/\(producer)?way=\(way)&every=5"
            let subscriber = try server.subscribe(target)
            var number = try Number(subscriber.nextEvent())
            while number.n < 10 { number = try Number(subscriber.nextEvent()) }
            let back = try server.subscribe(target, headers: [("Last-Event-ID", "1")])
            let notice = try back.nextEvent()
            #expect(notice.type == "sluice-gap")
            let next = try Number(back.nextEvent())
            #expect(notice.data == "{\"oldest\":\"\(next.n)\"}", "the oldest that is held")
            #expect(next.n > 7)
        }
    }
}
