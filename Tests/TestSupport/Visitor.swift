import Glibc

/// A subscriber that requests a stream, behaves in one of several ways, and disconnects in one of several ways.
package enum Visitor {
    /// Routes by the fixture that serves them. All of their streams end by themselves or when they are told to.
    package static let routes = [
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

    /// The routes whose streams stay open, and send so little that nobody needs to read.
    package static let quietRoutes = [
        "/waits-for-ever", "/sleeps-in-next", "/blocks-until-interrupted", "/polls-cancelled",
        "/emits-from-thread?count=50", "/closes-later", "/closed-while-closing", "/ticks-with-ids?every=5",
        "/schedules-itself",
    ]

    /// The behaviours of a subscriber.
    enum Visit: CaseIterable {
        /// Disconnects right after the request, or in the middle of it.
        case hasty, torn
        /// Disconnects after the head, or after some events.
        case headOnly, someEvents
        /// Ends its sending side, and continues to read for a while.
        case halfClosed
        /// Does not read, and disconnects later; the write deadline can be earlier.
        case slow
        /// Stays to the end, if there is one soon.
        case patient
        /// Sends more data after its request.
        case talkative
    }

    /// - Parameters:
    ///   - routes: the routes to choose from.
    ///   - tag: added to the query, if there is one.
    /// - Throws: only errors of the server: that it does not accept connections, or does not answer when it should.
    package static func visit(_ server: SluiceServer, _ routes: [String], tag: String?, _ random: inout SeededRandom)
        throws
    {
        let route = routes.sorted().randomElement(using: &random)!
        let visit = Visit.allCases.randomElement(using: &random)!
        let departure = Departure.allCases.randomElement(using: &random)!
        let client = try RawClient(port: server.port, receiveBufferBytes: visit == .slow ? 2048 : nil)
        let target = route + (tag.map { "\(route.contains("?") ? "&" : "?")tag=\($0)" } ?? "")
        let request = "GET \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n"

        // A peer that is gone or has finished is not a failure; only the server's behaviour is tested.
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
            // Longer than the write deadline only if there is much to write.
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
}

/// Visitors on their own threads, each making one visit after the other.
package final class Crowd: Sendable {
    private let threadCount: Int
    private let finished = Watched(0)
    private let isLeaving = Watched(false)
    private let problems = Watched<[String]>([])

    /// Starts them.
    /// - Parameters:
    ///   - visits: the most visits of each thread.
    ///   - isTagged: whether the routes have a tag already; otherwise, each visit gets its own.
    package init(
        _ server: SluiceServer, _ routes: [String], threads threadCount: Int = 4, visits: Int, isTagged: Bool = false,
        _ random: inout SeededRandom
    ) {
        self.threadCount = threadCount
        for thread in 0..<threadCount {
            let seed = random.next()
            startThread { [self] in
                var random = SeededRandom(seed: seed)
                for number in 0..<visits where !isLeaving.read(\.self) {
                    do {
                        try Visitor.visit(server, routes, tag: isTagged ? nil : "\(thread)-\(number)", &random)
                    } catch {
                        problems.update { $0.append("\(thread)-\(number): \(error)") }
                    }
                }
                finished.update { $0 += 1 }
            }
        }
    }

    /// Errors of the server that were found.
    package var failures: [String] { problems.read(\.self) }

    /// Ends after the current visits.
    package func disperse() { isLeaving.update { $0 = true } }

    /// Whether all visits are over.
    package var isOver: Bool { finished.read { $0 == threadCount } }

    /// Waits until all visits are over.
    package func wait(_ limit: Duration = .seconds(150)) throws {
        guard finished.wait(limit, until: { $0 == self.threadCount ? true : nil }) != nil else {
            throw TestFailure("the visitors hang")
        }
    }
}
