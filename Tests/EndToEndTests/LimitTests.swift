import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("Limits of a running server", .onTestThreads)
struct LimitTests {
    @Test(
        "over capacity: an EventSource is asked to reconnect, others get 503",
        arguments: [["--max-streams", "2"], ["--max-streams-per-producer", "2"]])
    func capacity(_ flags: [String]) throws {
        try withServer(["WaitsForEver"], flags: flags) { server in
            let held = try (0..<2).map { try server.subscribe("/waits-for-ever?tag=\($0)") }
            for subscriber in held { _ = try subscriber.nextEvent() }

            let browser = try server.subscribe("/waits-for-ever", headers: [("Accept", "text/event-stream")])
            #expect(try browser.head().status == 200)
            let events = try browser.rest()
            #expect(events.compactMap(\.data).isEmpty)
            #expect(events.contains { ($0.retry ?? 0) > 0 })

            let other = try server.subscribe("/waits-for-ever")
            #expect(try other.head().status == 503)
            #expect(try other.head()["Retry-After"] != nil)

            held[0].client.close()
            try server.expectClose(of: "0", .disconnected)
            // The place is free a moment after the close was logged.
            let freed = try server.subscribeOnceFree("/waits-for-ever?tag=again")
            #expect(try freed.nextEvent().data == "the only one")
        }
    }

    @Test("no thread left for a blocking producer: requests are refused, until a thread is free")
    func threads() throws {
        try withServer(["SleepsInNext", "WaitsForEver"], flags: ["--max-threads", "1"]) { server in
            let first = try server.subscribe("/sleeps-in-next?tag=a")
            _ = try first.nextEvent()
            #expect(try server.subscribe("/sleeps-in-next").head().status == 503)
            #expect(try server.subscribe("/waits-for-ever").nextEvent().data == "the only one")
            first.client.close()
            try server.expectClose(of: "a", .disconnected)
            let second = try server.subscribeOnceFree("/sleeps-in-next?tag=b")
            #expect(try second.nextEvent().data == "about to sleep")
        }
    }

    @Test("too few descriptors to start: one line, and no crash", arguments: [8, 10, 12, 16, 20])
    func fewDescriptors(count: Int) throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        let plugin = directory.write(try #require(readFile(fixturePlugin("Plain"))), to: "plain.so", mode: 0o755)
        let prefix = ["prlimit", "--nofile=\(count):\(count)", "--", BuiltProducts.sluice]
        for words in [["serve", directory.path, "--listen", "127.0.0.1:0"], ["run", plugin], ["check", plugin]] {
            let program = try ChildProgram.run(prefix + words)
            #expect(
                program.status == 1 && program.output.contains("raise the limit of descriptors (ulimit -n)"),
                "\(program)")
            #expect(program.output.split(separator: "\n").count == 1, "\(program)")
        }
    }

    /// The refused requests must leave neither streams nor descriptors.
    @Test("out of descriptors: accepting pauses without spinning, streams continue, and it recovers")
    func descriptors() throws {
        try withServer(["TicksWithIds"], prefix: ["prlimit", "--nofile=64:64", "--"]) { server in
            let ticking = try server.subscribe("/ticks-with-ids?tag=a")
            _ = try ticking.nextEvent()
            // The ticking stream serves as a clock: the cost of a hundred of its events, before and during this.
            func cost() throws -> Duration {
                let before = try ProcessFigures(of: server.program.pid)
                for _ in 0..<100 { _ = try ticking.nextEvent() }
                return try ProcessFigures(of: server.program.pid).processorTime - before.processorTime
            }
            let usual = try cost()
            // More connections than there are descriptors: the kernel completes them, but the server can't accept them
            // all.
            var idle: [RawClient] = []
            for _ in 0..<100 { idle.append(try server.connect()) }
            _ = try ProcessFigures.wait(for: server.program.pid) { $0.descriptors >= 60 }
            let cramped = try cost()
            print("out of descriptors: 100 events cost \(cramped) of processor time, before \(usual)")
            #expect(cramped < usual + .milliseconds(500), "the server spins")

            idle.removeAll()
            let subscriber = try server.subscribe("/ticks-with-ids?count=3")
            #expect(try subscriber.rest(within: .seconds(20)).compactMap(\.data) == ["1", "2", "3"])
            _ = try ticking.nextEvent()
        }
    }

    @Test("a descriptor that is reused gets none of the old stream's events")
    func descriptorReuse() throws {
        try withServer(["Floods", "TicksWithIds"]) { server in
            for round in 0..<100 {
                let flood = try server.subscribe("/floods?bytes=200&tag=flood\(round)", receiveBufferBytes: 4096)
                _ = try flood.nextEvent()
                flood.client.reset()
                let ticks = try server.subscribe("/ticks-with-ids?count=5&every=0&tag=ticks\(round)")
                #expect(try ticks.rest().compactMap(\.data) == ["1", "2", "3", "4", "5"])
                try server.expectClose(of: "ticks\(round)", .completed)
            }
            for round in 0..<100 { try server.expectClose(of: "flood\(round)", .disconnected) }
        }
    }

    @Test("connections beyond the limit wait while all the others are being answered")
    func connections() throws {
        let flags = ["--max-connections", "2", "--max-pending-opens-per-producer", "2"]
        try withServer(["OpensAtTheGate", "WaitsForEver"], flags: flags) { server in
            let opening = try (0..<2).map { try server.subscribe("/opens-at-the-gate?tag=\($0)") }
            for index in 0..<2 { try server.ledger.wait(for: "open-enter", "\(index)") }
            let waiting = try server.subscribe("/waits-for-ever")
            try server.waitForLog("warning that the front door is full") {
                $0.level == "warning" && $0.description.contains("max-connections")
            }
            #expect(throws: RawClientError.self) { _ = try waiting.head(within: .milliseconds(100)) }
            server.openGate(times: 2)
            #expect(try waiting.nextEvent().data == "the only one")
            for subscriber in opening { #expect(try subscriber.nextEvent().data == "through") }
        }
    }

    @Test("a producer whose opens do not answer leaves room for the others")
    func pendingOpens() throws {
        try withServer(["OpensAtTheGate", "WaitsForEver"], flags: ["--max-connections", "4"]) { server in
            let opening = try (0..<2).map { try server.subscribe("/opens-at-the-gate?tag=\($0)") }
            for index in 0..<2 { try server.ledger.wait(for: "open-enter", "\(index)") }
            let client = try RawClient(port: server.port)
            try client.send("GET /opens-at-the-gate HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let answer = try client.readResponse()
            #expect(answer.status == 503 && answer["Retry-After"] != nil)
            try server.waitForLog("a subscriber was refused", ["reason": "max-pending-opens-per-producer"])
            for _ in 0..<8 {
                let other = try server.subscribe("/waits-for-ever")
                #expect(try other.nextEvent().data == "the only one")
            }
            server.openGate(times: 2)
            for subscriber in opening { #expect(try subscriber.nextEvent().data == "through") }
        }
    }

    @Test("connections that wait for their clients make room for new ones: the longest first, counted and logged")
    func idleConnections() throws {
        try withServer(["WaitsForEver"], flags: ["--max-connections", "20"]) { server in
            let trickling = try (0..<20).map { _ in
                let client = try server.connect()
                try client.send("GET /waits-for-ever HTTP/1.1\r\nX: ")
                return client
            }
            // They stay at the front door, because a handed-over stream frees its place for the next one.
            let newcomers = try trickling[..<5].map { longest in
                let newcomer = try server.connect()
                try newcomer.send("GET /missing HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try newcomer.readResponse().status == 404)
                #expect(try longest.readToEnd() == "")
                return newcomer
            }
            #expect(try server.subscribe("/waits-for-ever").nextEvent().data == "the only one")
            #expect(try trickling[5].readToEnd() == "")
            try server.waitForLog("line of a connection that makes room") {
                $0.level == "warning" && $0.message.contains("to make room for a new one")
                    && $0.description.contains("max-connections=20")
            }
            server.signal(SIGUSR1)
            try server.waitForLog("totals", ["made_room": "6"])
            for newcomer in newcomers { newcomer.close() }
        }
    }

    @Test("bodies that arrive take no more memory than their limit, however many there are")
    func arrivingBodies() throws {
        try withServer(["TellsTheRequest"], flags: ["--max-arriving-bytes", "8M"]) { server in
            let before = try ProcessFigures(of: server.program.pid).residentBytes
            let head = "POST /tells-the-request HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000001\r\n\r\n"
            let body = [UInt8](repeating: 120, count: 1_000_000)
            let uploads = try (0..<100).map { _ in
                let client = try server.connect()
                try client.send(head)
                // The connection of a refused client may be closed already.
                try? client.send(body)
                return client
            }
            // Eight have room, and have sent all but their last byte.
            let isTold = try blockingEventually {
                let start = server.logLines.count
                server.signal(SIGUSR1)
                return try server.waitForLog("totals", from: start).members["turned_away"] == "92"
            }
            #expect(isTold)
            let growth = try ProcessFigures(of: server.program.pid).residentBytes - before
            print("100 bodies of 1 MB in arrival, 92 of them turned away: \(growth >> 10) KiB more")
            #expect(growth < 40 << 20)
            for client in uploads { client.close() }
            // It notices the closed connections one after the other.
            let isServed = try blockingEventually {
                let later = try server.connect()
                try later.send(head)
                try? later.send(body + [120])
                return try TestSubscriber(on: later).head().status == 200
            }
            #expect(isServed)
        }
    }

    @Test("idle streams use no processor time")
    func idleStreams() throws {
        try withServer(["WaitsForEver", "TicksWithIds"]) { server in
            let idle = try (0..<300).map { _ in try server.subscribe("/waits-for-ever") }
            for subscriber in idle { _ = try subscriber.nextEvent() }
            let clock = try server.subscribe("/ticks-with-ids?every=100")
            _ = try clock.nextEvent()
            let before = try ProcessFigures(of: server.program.pid)
            for _ in 0..<10 { _ = try clock.nextEvent() }
            let used = try ProcessFigures(of: server.program.pid).processorTime - before.processorTime
            print("300 idle streams: \(used) of processor time in 1 s")
            #expect(used < .milliseconds(200))
        }
    }

    @Test("a flood, whether it is read or not, does not delay other streams on its loop")
    func fairness() throws {
        try withServer(["Floods", "FloodsFromThread", "TicksWithIds"], flags: ["--loops", "1"]) { server in
            let unread = try ["/floods", "/floods-from-thread"].map {
                try server.subscribe("\($0)?bytes=4000", receiveBufferBytes: 4096)
            }
            let drains = try (0..<2).map { _ in
                try RunningProgram(["curl", "-sSN", "-o", "/dev/null", "\(server.url)/floods?bytes=100&tag=drained"])
            }
            try server.ledger.wait(for: "open-enter", "drained")
            let ticks = try server.subscribe("/ticks-with-ids?every=1&count=200")
            let start = ContinuousClock.now
            #expect(try ticks.rest(within: .seconds(20)).compactMap(\.data) == (1...200).map(String.init))
            print("200 events of 1 ms beside floods took \(ContinuousClock.now - start)")
            #expect(ContinuousClock.now - start < .seconds(10))
            for drain in drains { drain.signal(SIGKILL) }
            withExtendedLifetime(unread) {}
        }
    }
}
