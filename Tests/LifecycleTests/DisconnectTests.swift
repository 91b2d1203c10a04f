import ProducerInterface
import SystemCalls
import TestSupport
import Testing

@Suite("A subscriber that disconnects", .onTestThreads)
struct DisconnectTests {
    @Test(
        "before a blocking open has returned: open is cancelled, close follows it at once, next never runs",
        arguments: Departure.whileOpening)
    func duringOpen(_ departure: Departure) throws {
        try withServer(["OpensWhenCancelled"]) { server in
            let subscriber = try server.subscribe(opening: "/opens-when-cancelled", tag: "a")
            departure.leave(subscriber.client)
            try server.ledger.wait(for: "note", "cancelled", tag: "a")
            #expect(try server.ledger.isUnclosed("a"), "close before open returned")
            server.openGate()
            try server.expectClose(of: "a", .disconnected)
            #expect(server.ledger.stream("a")?.nextCount == 0)
        }
    }

    @Test("while an open is pending: close follows the answer, next never runs", arguments: Departure.whileOpening)
    func duringPendingOpen(_ departure: Departure) throws {
        try withServer(["OpensLater"]) { server in
            let subscriber = try server.subscribe(opening: "/opens-later", tag: "a")
            try server.ledger.wait(for: "open-left", "3", tag: "a")
            departure.leave(subscriber.client)
            try server.ledger.wait(for: "interrupt-left", tag: "a")
            #expect(try server.ledger.isUnclosed("a"), "close before open was answered")
            server.openGate()
            try server.expectClose(of: "a", .disconnected)
            #expect(server.ledger.stream("a")?.nextCount == 0)
        }
    }

    @Test("while an open is pending that is then rejected: close never runs", arguments: ["1", "2"])
    func duringRefusedOpen(_ status: String) throws {
        try withServer(["OpensLater"]) { server in
            let subscriber = try server.subscribe(opening: "/opens-later?status=\(status)", tag: "a")
            try server.ledger.wait(for: "open-left", "3", tag: "a")
            subscriber.client.reset()
            try server.ledger.wait(for: "interrupt-left", tag: "a")
            server.openGate()
            try server.ledger.wait(for: "opened", status, tag: "a")
            // A second stream, opened and closed, shows that nothing is stuck after the first.
            let other = try server.subscribe(opening: "/opens-later", tag: "b")
            server.openGate()
            #expect(try other.nextEvent().data == "through")
            other.client.close()
            try server.expectClose(of: "b", .disconnected)
            #expect(try server.ledger.isUnclosed("a"))
        }
    }

    @Test(
        "while an open is pending that its interrupt rejects: the rejection returns after the interrupt",
        arguments: ["FLAGS=0", "FLAGS=SLUICE_NONBLOCKING"], ["0", "1", "2"])
    func duringRefusingInterrupt(_ flags: String, _ status: String) throws {
        try withServer([fixturePlugin("DwellsInInterrupt", defines: [flags])]) { server in
            for number in 0..<5 {
                let subscriber = try server.subscribe(
                    opening: "/dwells-in-interrupt?status=\(status)", tag: "\(number)")
                try server.ledger.wait(for: "open-left", "3", tag: "\(number)")
                subscriber.client.close()
                // The order of the two is checked at the end.
                try server.ledger.wait(for: "opened-left", status, tag: "\(number)")
                try server.ledger.wait(for: "interrupt-left", tag: "\(number)")
                if status == "0" { try server.expectClose(of: "\(number)", .disconnected) }
            }
        }
    }

    /// The window between the two is some microseconds wide, so many subscribers try, each disconnecting right after
    /// its request.
    @Test("between open and the first next", arguments: Departure.allCases)
    func beforeFirstNext(_ departure: Departure) throws {
        try withServer(["WaitsForEver", "SleepsInNext"]) { server in
            for number in 0..<150 {
                let route = number % 2 == 0 ? "/waits-for-ever" : "/sleeps-in-next"
                departure.leave(try server.subscribe("\(route)?tag=\(number)").client)
            }
            // Whether a request was seen before its end depends on the front door. So it waits for the last one, and
            // then for all that were opened.
            let last = try server.subscribe(opening: "/waits-for-ever", tag: "last")
            last.client.close()
            try server.expectClose(of: "last", .disconnected)
            for stream in server.ledger.streams { try server.expectClose(of: stream.tag ?? "", .disconnected) }
        }
    }

    @Test(
        "during a next that blocks: it is interrupted and closed",
        arguments: ["BlocksUntilInterrupted", "SleepsInNext", "PollsCancelled"], Departure.allCases)
    func duringBlockingNext(_ fixture: String, _ departure: Departure) throws {
        let routes = [
            "BlocksUntilInterrupted": "/blocks-until-interrupted", "SleepsInNext": "/sleeps-in-next",
            "PollsCancelled": "/polls-cancelled",
        ]
        try withServer([fixture]) { server in
            let subscriber = try server.subscribe(opening: routes[fixture]!, tag: "a")
            _ = try subscriber.nextEvent()
            try server.ledger.waitForNext(2, tag: "a")
            departure.leave(subscriber.client)
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("during a next that ignores everything: reported, and closed only after next has returned")
    func duringStubbornNext() throws {
        try withServer(["IgnoresInterrupt"]) { server in
            let subscriber = try server.subscribe(opening: "/ignores-interrupt", tag: "a")
            _ = try subscriber.nextEvent()
            try server.ledger.waitForNext(2, tag: "a")
            subscriber.client.close()
            try server.ledger.wait(for: "interrupt-enter", tag: "a")
            try server.waitForLog("stream should have ended but its producer still runs; its memory is kept")
            #expect(try server.ledger.isUnclosed("a"))
            server.openGate()
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("during a non-blocking next: closed when it returns", arguments: Departure.allCases)
    func duringNonblockingNext(_ departure: Departure) throws {
        try withServer(["StallsItsLoop"]) { server in
            let subscriber = try server.subscribe(opening: "/stalls-its-loop", tag: "a")
            try server.ledger.wait(for: "next-enter", tag: "a")
            departure.leave(subscriber.client)
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("during a wait: closed within a loop turn", arguments: Departure.allCases)
    func duringWait(_ departure: Departure) throws {
        try withServer(["WaitsForEver"]) { server in
            let subscriber = try server.subscribe(opening: "/waits-for-ever", tag: "a")
            _ = try subscriber.nextEvent()
            try server.ledger.waitForNext(2, tag: "a")
            let left = monotonicNanoseconds()
            departure.leave(subscriber.client)
            let closed = try server.expectClose(of: "a", .disconnected)
            print("leaving (\(departure)) during a wait: close ran after \((closed.nanoseconds - left) / 1000) µs")
            #expect(closed.nanoseconds - left < 2_000_000_000)
        }
    }

    @Test("while a write is pending", arguments: ["Floods", "FloodsFromThread"], Departure.allCases)
    func duringWrite(_ fixture: String, _ departure: Departure) throws {
        let route = fixture == "Floods" ? "/floods" : "/floods-from-thread"
        try withServer([fixture]) { server in
            let subscriber = try server.subscribe(
                opening: "\(route)?bytes=4000", tag: "a", receiveBufferBytes: 4096)
            _ = try subscriber.nextEvent()
            // The server's send buffer is full when the queue of this connection no longer grows.
            try server.waitUntilSendQueueRests(toward: subscriber.client)
            departure.leave(subscriber.client)
            try server.expectClose(of: "a", .disconnected)
        }
    }

    /// After a request, a FIN can simply mean that the client has nothing more to send.
    @Test("a subscriber that ends its sending side gets a comment, and can read to the end")
    func halfClosing() throws {
        try withServer(["TicksWithIds", "WaitsForEver", "SleepsInNext"]) { server in
            for route in ["/waits-for-ever", "/sleeps-in-next"] {
                let subscriber = try server.subscribe(opening: route, tag: route)
                _ = try subscriber.nextEvent()
                subscriber.client.halfClose()
                #expect(try subscriber.nextFrame() == ":\n")
                #expect(try server.ledger.isUnclosed(route))
            }
            let whole = try server.subscribe(opening: "/ticks-with-ids?count=20&every=20", tag: "whole")
            // Before its stream is open, it would count as disconnected if the open took long.
            #expect(try whole.nextEvent().data == "1")
            whole.client.halfClose()
            #expect(try whole.rest().compactMap(\.data) == (2...20).map(String.init) && whole.endMark != nil)
            try server.expectClose(of: "whole", .completed)
        }
    }

    @Test("without FIN: the next keep-alive detects it, by the RST in answer")
    func silently() throws {
        try withServer(["WaitsForEver"], flags: ["--keep-alive", "200ms"]) { server in
            let subscriber = try server.subscribe(opening: "/waits-for-ever", tag: "a")
            _ = try subscriber.nextEvent()
            guard subscriber.client.vanish() else {
                print("skipped: closing without FIN takes CAP_NET_ADMIN")
                subscriber.client.close()
                return
            }
            try server.expectClose(of: "a", .disconnected)
        }
    }
}
