import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import Testing

@testable import StreamRuntime

@Suite("Opening and closing of hubs")
struct HubOpeningTests {
    static func producer(
        name: String = "fake",
        opening: @escaping @Sendable (FakeStream) -> OpenOutcome = { _ in .opened(headers: []) },
        closing: @escaping @Sendable (FakeStream, CloseReason) -> Bool = { _, _ in true }
    ) -> FakeProducer {
        FakeProducer(name: name, isShared: true, hasNext: false, opening: opening, closing: closing)
    }

    @Test("one open for all subscribers with the same parameters, on whatever loop they are", arguments: [1, 3])
    func once(_ loops: Int) throws {
        let stage = HubStage(loops: loops)
        let producer = Self.producer()
        let entry = stage.entry(producer)
        let visitors = try (0..<7).map { _ in try stage.join(entry, parameters: "a=1") }
        let other = try stage.join(entry, parameters: "a=2")
        #expect(producer.streams.count == 2 && stage.hubCount == 2)
        #expect(visitors.allSatisfy { $0.door.answers == ["stream"] })
        stage.emit(entry, data: "x")
        #expect(other.story == ["1:x"] && visitors.allSatisfy { $0.story.isEmpty })
        for visitor in visitors + [other] { visitor.hangUp() }
        stage.pass(milliseconds: 4990)
        #expect(producer.streams.allSatisfy { $0.closeReasons == [] })
        stage.pass(milliseconds: 20)
        #expect(producer.streams.allSatisfy { $0.closeReasons == [.disconnected] })
        #expect(entry.leavesByReason == [.disconnected: 8] && entry.ledger.reasons == [.disconnected: 2])
        #expect(stage.isIdle && producer.violations == [])
    }

    @Test("the stream gets the parameters, and nothing of its first subscriber")
    func request() throws {
        let stage = HubStage()
        let producer = Self.producer()
        var asked = StreamRequest(
            method: "GET", path: "/fake", query: [.init("history", "all")], headers: [.init("X-One", "1")],
            remoteAddress: "192.0.2.7", lastEventID: "9", body: [], parameters: FakeParameters(canonical: "p"))
        asked.identity = ClientIdentity(subject: "ann", claims: ["role": "editor"])
        asked.lifetime = 1_000_000_000
        _ = try stage.ask(stage.entry(producer), asked)
        stage.turn()
        let request = producer.only.request
        #expect(request.parameters.canonical == "p" && request.lastEventID == nil)
        #expect(request.query.isEmpty && request.headers.isEmpty && request.remoteAddress == "" && request.path == "")
        #expect(request.identity == nil && request.lifetime == nil)
    }

    @Test("a resumable stream gets an id that the producer made, and when it opens again, the newest of its own")
    func resumable() throws {
        let stage = HubStage(.hubs { $0.linger = 0 })
        let producer = FakeProducer(
            isShared: true, isResumable: true, hasNext: false, closing: { _, _ in false })
        let entry = stage.entry(producer)
        let first = try stage.join(entry, lastEventID: "5")
        #expect(producer.streams[0].request.lastEventID == "5")
        stage.emit(entry, Event(data: "x", id: "6"), Event(comment: "c"))
        first.hangUp()
        stage.pass(milliseconds: 1)
        // While it closes, a subscriber joins.
        let second = try stage.join(entry, lastEventID: "6")
        #expect(stage.runtime.closed(producer.streams[0].token))
        stage.turn()
        #expect(producer.streams.count == 2 && producer.streams[1].request.lastEventID == "6")
        second.attach()
        stage.turn()
        stage.emit(entry, Event(data: "y", id: "7"))
        #expect(second.story == ["comment c", "[7]:y"])

        let stranger = try stage.join(entry, parameters: "other", lastEventID: "00000000000e-4")
        #expect(producer.streams[2].request.lastEventID == nil, "an id that a hub made means nothing to a producer")
        #expect(stranger.story == ["gap null"])
    }

    @Test("all who join while it opens wait for its answer, whichever it is", arguments: [1, 3])
    func whileOpening(_ loops: Int) throws {
        let answers: [(OpenOutcome, String)] = [
            (.opened(headers: [.init("X-A", "b")]), "stream X-A=b"), (.ended(), "ended"),
            (.rejected(status: 404, message: "gone"), "rejected 404 gone"), (.failed(log: "broken"), "failed"),
        ]
        for (outcome, answer) in answers {
            let stage = HubStage(.hubs { $0.linger = 0 }, loops: loops)
            let producer = Self.producer(opening: { _ in .pending })
            let entry = stage.entry(producer)
            let visitors = try (0..<5).map { _ in try stage.ask(entry) }
            stage.turn()
            visitors[2].leave()
            stage.turn()
            #expect(producer.streams.count == 1 && visitors[0].door.answers == [])
            #expect(stage.runtime.opened(producer.only.token, outcome))
            stage.turn()
            for (index, visitor) in visitors.enumerated() {
                #expect(visitor.door.answers == (index == 2 ? [] : [answer]), "\(answer) \(index)")
                if index != 2, case .opened = outcome { visitor.leave() }
            }
            stage.pass(milliseconds: 10)
            #expect(stage.isIdle)
            if case .opened = outcome {
                #expect(producer.only.closeReasons == [.disconnected])
            } else {
                #expect(producer.only.closeReasons == [])
                let next = try stage.ask(entry)
                stage.turn()
                #expect(producer.streams.count == 2, "the next one asks again")
                next.leave()
                _ = stage.runtime.opened(producer.streams[1].token, .ended())
                stage.turn()
                #expect(stage.isIdle)
            }
        }
    }

    @Test("everybody leaves while it opens: it is opened, lingers, and is closed", arguments: [1, 3])
    func allLeaveWhileOpening(_ loops: Int) throws {
        let stage = HubStage(loops: loops)
        let producer = Self.producer(opening: { _ in .pending })
        let entry = stage.entry(producer)
        let visitors = try (0..<4).map { _ in try stage.ask(entry) }
        stage.turn()
        for visitor in visitors { visitor.leave() }
        stage.turn()
        #expect(stage.runtime.opened(producer.only.token, .opened(headers: [])))
        stage.turn()
        for streams in stage.runtime.loops { #expect(streams.replicas.count <= (streams.loop.index == 0 ? 1 : 0)) }
        stage.emit(entry, data: "to nobody")
        #expect(stage.runtime.loops.dropFirst().allSatisfy { $0.replicas.isEmpty })
        stage.pass(milliseconds: 5010)
        #expect(producer.only.closeReasons == [.disconnected] && stage.isIdle)
    }

    @Test("lingering: a subscriber that joins in time finds the stream as it was", arguments: [1, 3])
    func lingering(_ loops: Int) throws {
        let stage = HubStage(loops: loops)
        let producer = Self.producer()
        let entry = stage.entry(producer)
        let first = try stage.join(entry)
        stage.emit(entry, data: "a", "b")
        first.hangUp()
        stage.pass(milliseconds: 4000)
        stage.emit(entry, data: "c")
        let second = try stage.join(entry, lastEventID: first.ids.last)
        stage.pass(milliseconds: 60_000)
        #expect(producer.streams.count == 1 && producer.only.closeReasons == [])
        #expect(second.story.filter { $0 != "keep-alive" } == ["3:c"])
        second.hangUp()
        stage.pass(milliseconds: 4990)
        #expect(producer.only.closeReasons == [], "the whole time begins anew")
        stage.pass(milliseconds: 20)
        #expect(producer.only.closeReasons == [.disconnected] && stage.isIdle)
    }

    @Test("without a linger time it closes at once; with an infinite one, never")
    func lingerBounds() throws {
        let short = HubStage(.hubs { $0.linger = 0 }, loops: 2)
        let producer = Self.producer()
        try short.join(short.entry(producer)).hangUp()
        short.pass(milliseconds: 1)
        #expect(producer.only.closeReasons == [.disconnected] && short.isIdle)

        let long = HubStage(.hubs { $0.linger = .max }, loops: 2)
        let other = Self.producer()
        let entry = long.entry(other)
        try long.join(entry).hangUp()
        long.pass(milliseconds: 3_600_000)
        #expect(other.only.closeReasons == [] && long.hubCount == 1)
        long.emit(entry, data: "kept")
        let visitor = try long.join(entry, history: "all")
        #expect(visitor.story == ["1:kept"] && other.streams.count == 1)
        long.runtime.end(nil, .shutdown)
        long.turn()
        visitor.hangUp()
        #expect(other.only.closeReasons == [.shutdown] && long.isIdle)
    }

    @Test("one that joins while it closes waits for the next open; history and ids continue", arguments: [1, 3])
    func whileClosing(_ loops: Int) throws {
        let stage = HubStage(.hubs { $0.linger = 0 }, loops: loops)
        let producer = Self.producer(closing: { _, _ in false })
        let entry = stage.entry(producer)
        let first = try stage.join(entry)
        stage.emit(entry, data: "a", "b")
        first.hangUp()
        stage.pass(milliseconds: 1)
        #expect(producer.only.closeReasons == [.disconnected])
        let others = try (0..<4).map { _ in try stage.ask(entry, lastEventID: first.ids[0]) }
        stage.turn()
        others[1].leave()
        stage.turn()
        #expect(producer.streams.count == 1 && others[0].door.answers == [])
        #expect(stage.runtime.closed(producer.only.token))
        stage.turn()
        #expect(producer.streams.count == 2)
        for (index, other) in others.enumerated() where index != 1 {
            #expect(other.door.answers == ["stream"])
            other.attach()
        }
        stage.turn()
        stage.emit(entry, data: "c")
        for (index, other) in others.enumerated() where index != 1 {
            #expect(other.story == ["2:b", "3:c"])
            #expect(other.ids.allSatisfy { $0.dropLast(2) == first.ids[0].dropLast(2) }, "the same epoch")
            other.hangUp()
        }
        stage.pass(milliseconds: 1)
        #expect(stage.runtime.closed(producer.streams[1].token))
        stage.turn()
        #expect(stage.isIdle && entry.ledger.reasons == [.disconnected: 2])
    }

    @Test("a subscriber joined while it closed, and has left again: it stays closed")
    func leftWhileClosing() throws {
        let stage = HubStage(.hubs { $0.linger = 0 }, loops: 3)
        let producer = Self.producer(closing: { _, _ in false })
        let entry = stage.entry(producer)
        try stage.join(entry).hangUp()
        stage.pass(milliseconds: 1)
        for _ in 0..<5 {
            let visitor = try stage.ask(entry)
            stage.turn()
            visitor.leave()
            stage.turn()
        }
        #expect(stage.runtime.closed(producer.only.token))
        stage.turn()
        #expect(producer.streams.count == 1 && stage.isIdle)
    }

    @Test("the headers are those of the current open, even on loops where nobody waited for them", arguments: [1, 2])
    func headers(_ loops: Int) throws {
        let stage = HubStage(.hubs { $0.linger = 0 }, loops: loops)
        let count = Mutex(0)
        let producer = Self.producer(
            opening: { _ in
                let number = count.withLock { count in
                    count += 1
                    return count
                }
                return .opened(headers: [.init("N", "\(number)")])
            }, closing: { _, _ in false })
        let entry = stage.entry(producer)
        let first = try stage.join(entry)
        #expect(first.door.answers == ["stream N=1"])
        first.hangUp()
        stage.pass(milliseconds: 1)
        let second = try stage.ask(entry)
        stage.turn()
        _ = stage.runtime.closed(producer.only.token)
        stage.turn()
        #expect(second.door.answers == ["stream N=2"])
        let third = try stage.ask(entry)
        stage.turn()
        #expect(third.door.answers == ["stream N=2"])
    }

    @Test("after its end, new subscribers find another hub, with its own epoch", arguments: [1, 3])
    func afterEnd(_ loops: Int) throws {
        let stage = HubStage(loops: loops)
        let producer = FakeProducer([.event("a"), .end], isShared: true)
        let entry = stage.entry(producer)
        let first = try stage.join(entry)
        #expect(first.story == ["1:a", "end"], "nothing is missed between the answer and the connection")
        let second = try stage.join(entry, lastEventID: first.ids[0])
        #expect(producer.streams.count == 2)
        #expect(second.story.last == "end" && second.story.first!.hasPrefix("gap"))
        for visitor in [first, second] { visitor.hangUp() }
        stage.turn()
        #expect(entry.ledger.reasons == [.completed: 2] && entry.leavesByReason == [.completed: 2])
        #expect(stage.isIdle)
    }

    @Test("it ends while nobody is there, opened from another loop, or rejected before: nothing is left")
    func endsAlone() throws {
        let stage = HubStage(loops: 2)
        let isRefused = Atomic<Bool>(true)
        let producer = Self.producer(opening: { _ in
            isRefused.exchange(false, ordering: .relaxed) ? .ended() : .opened(headers: [])
        })
        let entry = stage.entry(producer)
        // The home loop's subscriber is rejected while another loop's is already on its way.
        let (first, second) = (try stage.ask(entry), try stage.ask(entry))
        stage.runtime.loops[0].loop.turn(waitingAtMost: 0)
        stage.turn()
        #expect(first.door.answers == ["ended"])
        #expect(second.door.answers == ["stream"])
        second.leave()
        stage.turn()
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(producer.streams[1].closeReasons == [.shutdown])
        #expect(stage.isIdle)
    }

    @Test("a producer's hubs are limited; the reservations of a refused request are given back")
    func limit() throws {
        var limits = Limits.hubs { $0.linger = 0 }
        limits.maxHubsPerProducer = 3
        limits.maxStreams = 9
        let stage = HubStage(limits, loops: 2)
        let (one, two) = (Self.producer(), Self.producer(name: "other"))
        let (entry, other) = (stage.entry(one), stage.entry(two))
        let visitors = try (0..<3).map { try stage.join(entry, parameters: "\($0)") }
        for _ in 0..<10 {
            #expect(throws: Overload(limit: "max-hubs-per-producer")) { try stage.ask(entry, parameters: "new") }
        }
        #expect(stage.runtime.figures().streams.refusedRequests == 10 && entry.generation.liveStreams == 6)
        let fourth = try stage.join(entry, parameters: "1")
        let fifth = try stage.join(other, parameters: "new")
        #expect(throws: Overload(limit: "max-streams")) { try stage.ask(entry, parameters: "1") }
        visitors[0].hangUp()
        stage.pass(milliseconds: 1)
        let sixth = try stage.join(entry, parameters: "new")
        #expect(sixth.door.answers == ["stream"])
        for visitor in visitors.dropFirst() + [fourth, fifth, sixth] { visitor.hangUp() }
        stage.pass(milliseconds: 1)
        #expect(stage.isIdle && entry.generation.liveStreams == 0)
    }

    @Test("history= must be a whole number or all", arguments: ["-1", "", "1.5", "ALL", "１", "1 ", "0x1", "+1"])
    func wrongHistory(_ text: String) throws {
        let stage = HubStage(loops: 2)
        let producer = Self.producer()
        let visitor = try stage.ask(stage.entry(producer), history: text)
        stage.turn()
        #expect(visitor.door.answers.count == 1 && visitor.door.answers[0].hasPrefix("rejected 400 history must be"))
        #expect(producer.streams.isEmpty && stage.isIdle)
    }
}
