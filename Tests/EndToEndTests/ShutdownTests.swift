import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("Stopping the server", .onTestThreads)
struct ShutdownTests {
    @Test(
        "with open streams: each is closed, told to reconnect, and ended cleanly; status 0",
        arguments: [SIGTERM, SIGINT])
    func withStreamsOpen(_ signal: Int32) throws {
        let routes = [
            "WaitsForEver": "/waits-for-ever", "TicksWithIds": "/ticks-with-ids", "SleepsInNext": "/sleeps-in-next",
            "BlocksUntilInterrupted": "/blocks-until-interrupted", "PollsCancelled": "/polls-cancelled",
            "EmitsFromThread": "/emits-from-thread?count=1", "ClosesLater": "/closes-later",
            "ClosedWhileClosing": "/closed-while-closing", "WakesFromThread": "/wakes-from-thread?count=1000000",
            "SchedulesItself": "/schedules-itself",
        ]
        try withServer(Array(routes.keys), flags: ["--shutdown-deadline", "10s"]) { server in
            let subscribers = try routes.mapValues { route in
                let subscriber = try server.subscribe(
                    "\(route)\(route.contains("?") ? "&" : "?")tag=\(route.dropFirst().prefix { $0 != "?" })")
                _ = try subscriber.nextEvent()
                return subscriber
            }
            let start = ContinuousClock.now
            server.signal(signal)
            for (fixture, subscriber) in subscribers {
                let rest = try subscriber.client.readToEnd()
                subscriber.client.close()
                #expect(
                    rest.isEmpty || rest.hasSuffix("\r\n0\r\n\r\n"),
                    "\(fixture) was cut within a frame: \(rest.suffix(40))")
                #expect(rest.contains("retry: "), "\(fixture) was not told when to come back")
                #expect(!rest.contains("stream-error"), "\(fixture)")
            }
            #expect(try server.waitForExit() == .status(0))
            print("stopping with \(routes.count) streams open took \(ContinuousClock.now - start)")
            for route in routes.values {
                #expect(
                    server.ledger.stream(String(route.dropFirst().prefix { $0 != "?" }))?.reason == .shutdown,
                    "\(route)")
            }
            let shutdowns = server.ledger.entries.filter { $0.what == "shutdown" }
            #expect(shutdowns.count == routes.count)
        }
    }

    @Test(
        "during a flood that nobody reads: the sockets are dropped after a second or two, long before the deadline",
        arguments: ["4s", "10m"])
    func underFlood(_ deadline: String) throws {
        try withServer(["Floods", "FloodsFromThread"], flags: ["--shutdown-deadline", deadline]) { server in
            let floods = try ["/floods", "/floods-from-thread"].map {
                let subscriber = try server.subscribe(opening: "\($0)?bytes=4000", tag: $0, receiveBufferBytes: 4096)
                _ = try subscriber.nextEvent()
                try server.waitUntilSendQueueRests(toward: subscriber.client)
                return subscriber
            }
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(8)) == .status(0))
            for tag in ["/floods", "/floods-from-thread"] { #expect(server.ledger.stream(tag)?.reason == .shutdown) }
            withExtendedLifetime(floods) {}
        }
    }

    @Test("while an open is running, or pending")
    func duringOpen() throws {
        try withServer(["OpensAtTheGate", "OpensLater"]) { server in
            let blocking = try server.subscribe(opening: "/opens-at-the-gate", tag: "a")
            let pending = try server.subscribe(opening: "/opens-later", tag: "b")
            try server.ledger.wait(for: "open-left", "3", tag: "b")
            server.signal(SIGTERM)
            try server.ledger.wait(for: "interrupt-left", tag: "b")
            try server.waitForLog("stopping")
            server.openGate(times: 2)
            #expect(try server.waitForExit() == .status(0))
            // Whether the subscriber or the server was first: opened means closed, and the reason is the shutdown.
            for tag in ["a", "b"] { #expect(server.ledger.stream(tag)?.reason == .shutdown) }
            withExtendedLifetime((blocking, pending)) {}
        }
    }

    @Test("a next that never returns is reported by name, and does not keep the process running")
    func stubbornNext() throws {
        try withServer(["IgnoresInterrupt"], flags: ["--shutdown-deadline", "500ms"], leavesStreams: true) { server in
            let subscriber = try server.subscribe(opening: "/ignores-interrupt", tag: "a")
            _ = try subscriber.nextEvent()
            try server.ledger.waitForNext(2, tag: "a")
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(8)) == .status(1), "a stream was left behind")
            try server.waitForLog("report of the stuck stream") {
                $0.level == "error" && $0["plugins"]?.contains("ignores-interrupt") == true
            }
            #expect(try server.ledger.isUnclosed("a"), "close ran while next did")
            #expect(!server.ledger.entries.contains { $0.what == "shutdown" }, "shutdown ran while next did")
        }
    }

    @Test("a close that is never completed is reported by name, and does not keep the process running")
    func neverClosed() throws {
        try withServer(["NeverClosed"], flags: ["--shutdown-deadline", "500ms"], leavesStreams: true) { server in
            let subscriber = try server.subscribe("/never-closed?tag=a")
            _ = try subscriber.nextEvent()
            server.signal(SIGTERM)
            #expect(try server.waitForExit(.seconds(8)) == .status(1), "a stream was left behind")
            #expect(server.ledger.stream("a")?.reason == .shutdown)
            try server.waitForLog("report of the stream that is not closed") {
                $0.level == "error" && $0["plugins"]?.contains("never-closed") == true
            }
            #expect(!server.ledger.entries.contains { $0.what == "shutdown" }, "shutdown ran before the last close")
        }
    }

    @Test("a second signal ends it at once", arguments: [SIGTERM, SIGINT])
    func secondSignal(_ signal: Int32) throws {
        try withServer(["IgnoresInterrupt"], flags: ["--shutdown-deadline", "60s"], leavesStreams: true) { server in
            let subscriber = try server.subscribe(opening: "/ignores-interrupt", tag: "a")
            _ = try subscriber.nextEvent()
            try server.ledger.waitForNext(2, tag: "a")
            server.signal(signal)
            try server.ledger.wait(for: "interrupt-enter", tag: "a")
            #expect(server.program.exitIfEnded == nil)
            let start = ContinuousClock.now
            server.signal(signal)
            #expect(try server.waitForExit(.seconds(5)) == .status(1), "a stream was left behind")
            print("a second signal ended the server in \(ContinuousClock.now - start)")
        }
    }

    @Test("an idle server stops at once")
    func idle() throws {
        try withServer(["WaitsForEver"]) { server in
            let idle = try server.connect()  // keep-alive connections must not delay it
            try server.expectNotFound()
            let start = ContinuousClock.now
            server.signal(SIGTERM)
            #expect(try server.waitForExit() == .status(0))
            #expect(ContinuousClock.now - start < .seconds(5))
            withExtendedLifetime(idle) {}
        }
    }

    @Test("SIGUSR1 logs the ledger of every producer and generation")
    func tellsLedger() throws {
        try withServer(["EndsAfterCount", "WaitsForEver"]) { server in
            for tag in ["a", "b", "c"] { _ = try server.subscribe("/ends-after-count?count=1&tag=\(tag)").rest() }
            let open = try server.subscribe("/waits-for-ever?tag=d")
            _ = try open.nextEvent()
            try server.expectClose(of: "c", .completed)
            server.signal(SIGUSR1)
            try server.waitForLog("ledger", ["plugin": "ends-after-count", "opens": "3", "closes": "3", "open": "0"])
            try server.waitForLog("ledger", ["plugin": "waits-for-ever", "opens": "1", "closes": "0", "open": "1"])
        }
    }
}
