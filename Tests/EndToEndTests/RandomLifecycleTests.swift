import EventStream
import Glibc
import TestSupport
import Testing

@Suite("Thousands of subscribers that come and go in every way", .onTestThreads)
struct RandomLifecycleTests {
    /// Routes by the fixture that serves them. All streams of these end by themselves or when they are told to.
    static let routes = [
        "EndsAfterCount": "/ends-after-count?count=3", "FailsAfterCount": "/fails-after-count?count=4",
        "WaitsForEver": "/waits-for-ever", "Floods": "/floods?bytes=700",
        "FloodsFromThread": "/floods-from-thread?bytes=700",
        "SleepsInNext": "/sleeps-in-next", "BlocksUntilInterrupted": "/blocks-until-interrupted",
        "PollsCancelled": "/polls-cancelled", "EmitsFromThread": "/emits-from-thread?count=50",
        "EmitStorm": "/emit-storm", "WakesFromThread": "/wakes-from-thread?count=40",
        "ClosesLater": "/closes-later?count=5",
        "ClosedWhileClosing": "/closed-while-closing", "SchedulesItself": "/schedules-itself",
        "AnswersWhileOpening": "/answers-while-opening", "RefusesStreams": "/refuses-streams?answer=1",
        "IdHoldsNewline": "/id-holds-newline", "TicksWithIds": "/ticks-with-ids?every=1",
    ]
    static let subscribersPerThread = 700
    static let threads = 4

    /// What one subscriber does with its connection.
    enum Visit: CaseIterable {
        /// Leaves right behind the request, or within it.
        case hasty, torn
        /// Leaves when the head, or some events, have come.
        case headOnly, someEvents
        /// Says that it will send no more, and reads on for a while.
        case halfClosed
        /// Does not read, and leaves later; the write deadline may be faster.
        case slow
        /// Stays to the end, if there is one soon.
        case patient
        /// Sends something behind its request.
        case talkative
    }

    @Test("opens equal closes, nothing overlaps, every reason is a true one, and nothing is left over")
    func interleavings() throws {
        var random = SeededRandom.fromEnvironment(test: "random lifecycle")
        let flags = ["--write-deadline", "200ms", "--keep-alive", "300ms", "--max-threads", "200"]
        try withServer(Array(Self.routes.keys), flags: flags) { server in
            try visitEach(server)
            let before = try server.restingFigures()

            let finished = Watched(0)
            let failures = Watched<[String]>([])
            for thread in 0..<Self.threads {
                let seed = random.next()
                startThread {
                    var random = SeededRandom(seed: seed)
                    for number in 0..<Self.subscribersPerThread {
                        do {
                            try Self.visit(server, tag: "\(thread)-\(number)", &random)
                        } catch {
                            failures.update { $0.append("\(thread)-\(number): \(error)") }
                        }
                    }
                    finished.update { $0 += 1 }
                }
            }
            try #require(finished.wait(.seconds(150)) { $0 == Self.threads ? true : nil } != nil, "the visitors hang")
            #expect(failures.read(\.self).isEmpty)

            // Healthy: everything can be opened still.
            try visitEach(server)
            let after = try server.restingFigures()
            #expect(after.descriptors <= before.descriptors, "descriptors are left over")
            #expect(after.threads <= before.threads + 2, "threads are left over")

            try server.expectBalancedLedger()
            expectTrueReasons(server.ledger.streams)
            let streams = server.ledger.streams
            let reasons = Dictionary(grouping: streams.compactMap(\.reason), by: \.name).mapValues(\.count)
            print("\(streams.count) streams, \(streams.count(where: \.wasOpened)) opened; closed: \(reasons)")
        }
    }

    /// Opens one stream of each producer and leaves.
    private func visitEach(_ server: SluiceServer) throws {
        for route in Self.routes.values where !route.hasPrefix("/refuses") {
            let subscriber = try server.subscribe(route)
            _ = try subscriber.nextEvent()
        }
    }

    private static func visit(_ server: SluiceServer, tag: String, _ random: inout SeededRandom) throws {
        let route = routes.values.sorted().randomElement(using: &random)!
        let visit = Visit.allCases.randomElement(using: &random)!
        let departure = Departure.allCases.randomElement(using: &random)!
        let client = try RawClient(port: server.port, receiveBufferBytes: visit == .slow ? 2048 : nil)
        let request = "GET \(route)\(route.contains("?") ? "&" : "?")tag=\(tag) HTTP/1.1\r\nHost: localhost\r\n\r\n"

        // A peer that is gone or done is no failure here: only what the server does is.
        func some(_ limit: Duration) { _ = try? client.read(within: limit) { $0.count > 3000 } }
        switch visit {
        case .hasty: try client.send(request)
        case .torn: try client.send(String(request.prefix(.random(in: 1..<request.count, using: &random))))
        case .headOnly:
            try client.send(request)
            _ = try client.readResponse(toHead: true)
        case .someEvents:
            try client.send(request)
            some(.milliseconds(.random(in: 1...20, using: &random)))
        case .halfClosed:
            try client.send(request)
            client.halfClose()
            some(.milliseconds(.random(in: 1...20, using: &random)))
        case .slow:
            try client.send(request)
            // Beyond the write deadline only where there is much to write.
            usleep(.random(in: 1_000...(route.contains("flood") ? 400_000 : 20_000), using: &random))
        case .patient:
            try client.send(request)
            _ = try? client.readToEnd(within: .milliseconds(50))
        case .talkative:
            try client.send(request + request)
            some(.milliseconds(5))
        }
        departure.leave(client)
        if departure == .halfClose, Bool.random(using: &random) {
            _ = try? client.readToEnd(within: .milliseconds(20))
        }
    }

    /// A stream that its producer could end may be completed or failed; any may be disconnected; only one that has much to say can be slow.
    private func expectTrueReasons(_ streams: [LedgerStream]) {
        let own: [String: CloseReason] = [
            "ends-after-count": .completed, "fails-after-count": .failed, "wakes-from-thread": .completed,
            "closes-later": .completed, "answers-while-opening": .completed, "id-holds-newline": .failed,
        ]
        let talkers: Set<String> = ["floods", "floods-from-thread", "emit-storm"]
        for stream in streams {
            guard let reason = stream.reason else { continue }
            let plugin = stream.name.plugin
            let isTrue =
                reason == .disconnected || reason == own[plugin] || reason == .slow && talkers.contains(plugin)
            #expect(isTrue, "\(plugin) was closed as \(reason.name)")
        }
    }
}

extension SluiceServer {
    /// Waits until no stream is open any more and the threads and descriptors that streams had are back.
    func restingFigures() throws -> ProcessFigures {
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            ledger.settle()
            let open = ledger.streams.filter { $0.wasOpened && !$0.isOver }
            if open.isEmpty { break }
            guard ContinuousClock.now < deadline else {
                throw TestFailure("still open: " + open.map { "\($0.name) \($0.tag ?? "")" }.joined(separator: ", "))
            }
            usleep(20_000)
        }
        // What closes behind the last close of a plugin (sockets, threads) has no event; wait until the figures rest.
        var figures = try ProcessFigures(of: program.pid)
        var same = 0
        while same < 10, ContinuousClock.now < deadline {
            usleep(30_000)
            let now = try ProcessFigures(of: program.pid)
            same = now.descriptors == figures.descriptors && now.threads == figures.threads ? same + 1 : 0
            figures = now
        }
        return figures
    }

    /// The server's own ledger says of every producer: as many closes as opens.
    func expectBalancedLedger(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let start = logLines.count
        let plugins = Set(ledger.entries.filter { $0.what == "loaded" }.map(\.stream.plugin))
        signal(SIGUSR1)
        for plugin in plugins {
            let line = try waitForLog("ledger of \(plugin)", from: start) { $0.matches("ledger", ["plugin": plugin]) }
            #expect(line["opens"] == line["closes"], "\(line)", sourceLocation: sourceLocation)
            #expect(line["open"] == "0", "\(line)", sourceLocation: sourceLocation)
            let opened = ledger.streams.count { $0.name.plugin == plugin && $0.wasOpened }
            #expect(line["opens"] == String(opened), "\(line)", sourceLocation: sourceLocation)
        }
    }
}
