import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("Thousands of subscribers that connect and disconnect in every way", .onTestThreads)
struct RandomLifecycleTests {
    @Test("opens equals closes, nothing overlaps, every reason is correct, and nothing is left over")
    func interleavings() throws {
        var random = SeededRandom.fromEnvironment(test: "random lifecycle")
        let flags = ["--write-deadline", "200ms", "--keep-alive", "300ms", "--max-threads", "200"]
        try withServer(Array(Visitor.routes.keys), flags: flags) { server in
            try visitEach(server)
            let before = try server.restingFigures()

            let crowd = Crowd(server, Array(Visitor.routes.values), visits: 700, &random)
            try crowd.wait()
            #expect(crowd.failures.isEmpty)

            // The server is healthy: everything can still be opened.
            try visitEach(server)
            let after = try server.restingFigures()
            #expect(after.descriptors <= before.descriptors, "descriptors are left over")
            #expect(after.threads <= before.threads + 2, "threads are left over")

            try server.expectBalancedLedger()
            expectTrueReasons(server.ledger.streams)
            describe(server.ledger)
        }
    }

    /// Opens one stream of each producer, and disconnects.
    private func visitEach(_ server: SluiceServer) throws {
        for route in Visitor.routes.values where !route.hasPrefix("/refuses") {
            let subscriber = try server.subscribe(route)
            _ = try subscriber.nextEvent()
        }
    }

    @Test("while plugins are replaced, removed and restored: each generation is shut down after its last close")
    func reloads() throws {
        var random = SeededRandom.fromEnvironment(test: "random reloads")
        let flags = ["--drain-deadline", "50ms", "--write-deadline", "200ms"]
        try withServer(Array(Visitor.routes.keys), flags: flags) { server in
            let crowd = Crowd(server, Array(Visitor.routes.values), threads: 3, visits: 100_000, &random)
            var absent: String?
            var staying: [TestSubscriber] = []
            for round in 1...40 {
                if let fixture = absent {
                    try server.install(fixture, appending: [UInt8](repeating: 1, count: round))
                    absent = nil
                }
                for _ in 0..<3 {
                    let fixture = Visitor.routes.keys.sorted().randomElement(using: &random)!
                    try server.install(fixture, appending: [UInt8](repeating: 2, count: round))
                }
                if Bool.random(using: &random) {
                    absent = Visitor.routes.keys.sorted().randomElement(using: &random)!
                    server.uninstall(absent!)
                }
                for _ in 0..<10 {
                    staying.append(try server.subscribe(Visitor.quietRoutes.randomElement(using: &random)!))
                }
                staying.removeFirst(max(0, staying.count - 50))
                try server.reload()
            }
            crowd.disperse()
            try crowd.wait()
            #expect(crowd.failures.isEmpty)
            staying.removeAll()
            _ = try server.restingFigures()
            expectTrueReasons(server.ledger.streams, orAnyOf: [.reloaded, .removed])
            server.signal(SIGTERM)
            #expect(try server.waitForExit() == .status(0))
            try expectShutdowns(server)
            describe(server.ledger)
        }
    }

    @Test("while the server stops: all are closed, and it exits with success", arguments: [SIGTERM, SIGINT, SIGTERM])
    func shutdown(_ signal: Int32) throws {
        var random = SeededRandom.fromEnvironment(test: "random shutdown")
        try withServer(Array(Visitor.routes.keys), flags: ["--drain-deadline", "10s"]) { server in
            let crowd = Crowd(server, Array(Visitor.routes.values), threads: 3, visits: 100_000, &random)
            var staying: [TestSubscriber] = []
            for _ in 0..<8 {
                staying += try Visitor.quietRoutes.map { try server.subscribe($0) }
                // The signal comes after a number of streams have opened, whatever they are doing then.
                try server.ledger.waitForOpens(staying.count + .random(in: 0...20, using: &random))
            }
            server.signal(signal)
            #expect(try server.waitForExit() == .status(0))
            crowd.disperse()
            try crowd.wait()
            expectTrueReasons(server.ledger.streams, orAnyOf: [.shutdown])
            withExtendedLifetime(staying) {}
            try expectShutdowns(server)
            describe(server.ledger)
        }
    }

    private func describe(_ ledger: Ledger) {
        let streams = ledger.streams
        let generations = Set(streams.map { [$0.name.plugin, String($0.name.generation)] }).count
        let reasons = Dictionary(grouping: streams.compactMap(\.reason), by: \.name).mapValues(\.count)
        print("\(streams.count) streams of \(generations) generations, closed: \(reasons)")
    }

    /// Checks that every generation that was loaded was shut down, once.
    private func expectShutdowns(_ server: SluiceServer) throws {
        let entries = server.ledger.entries
        let loaded = entries.filter { $0.what == "loaded" }.map(\.stream)
        let over = entries.filter { $0.what == "shutdown" }.map(\.stream)
        #expect(Set(loaded) == Set(over))
        #expect(over.count == Set(over).count, "a generation was shut down twice")
    }

    /// A stream that its producer could end may be completed or failed; any may be disconnected; only one that sends
    /// much can be slow.
    private func expectTrueReasons(_ streams: [LedgerStream], orAnyOf others: Set<CloseReason> = []) {
        let own: [String: CloseReason] = [
            "ends-after-count": .completed, "fails-after-count": .failed, "wakes-from-thread": .completed,
            "closes-later": .completed, "answers-while-opening": .completed, "id-holds-newline": .failed,
        ]
        let talkers: Set<String> = ["floods", "floods-from-thread", "emit-storm"]
        for stream in streams {
            guard let reason = stream.reason else { continue }
            let plugin = stream.name.plugin
            let isTrue =
                reason == .disconnected || reason == own[plugin] || others.contains(reason)
                || reason == .slow && talkers.contains(plugin)
            #expect(isTrue, "\(plugin) was closed as \(reason.name)")
        }
    }
}
