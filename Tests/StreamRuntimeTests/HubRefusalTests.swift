import EventStream
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("What a hub refuses, and whom")
struct HubRefusalTests {
    /// Opens from the beginning, but behind no id.
    private func forgetful(
        isPending: Bool = false, isNonblocking: Bool = true, opening: OpenOutcome = .opened(headers: [])
    ) -> FakeProducer {
        FakeProducer(
            isNonblocking: isNonblocking, isShared: true, isResumable: true, hasNext: false,
            opening: { stream in
                if isPending { return .pending }
                return stream.request.lastEventID == nil ? opening : .rejected(status: 410, message: "forgotten")
            })
    }

    @Test("an id that the producer refuses: it opens without, and only who came with the id misses something")
    func refusedID() throws {
        let stage = HubStage(loops: 2)
        let producer = forgetful()
        let entry = stage.entry(producer)
        let visitors = try ["5", nil, "6"].map { try stage.ask(entry, lastEventID: $0) }
        stage.turn()
        #expect(visitors.allSatisfy { $0.door.answers == ["stream"] })
        #expect(producer.streams.map(\.request.lastEventID) == ["5", nil])
        for visitor in visitors { visitor.attach() }
        stage.turn()
        stage.emit(entry, Event(data: "a", id: "1"))
        #expect(visitors.map(\.story) == [["gap null", "[1]:a"], ["[1]:a"], ["gap null", "[1]:a"]])
        #expect(entry.ledger.opens == 1 && entry.generation.liveStreams == 4)
        for visitor in visitors { visitor.hangUp() }
        stage.pass(milliseconds: 5010)
        #expect(stage.isIdle && producer.streams[1].closeReasons == [.disconnected])
    }

    @Test("a producer that refuses with and without an id has refused; a later answer counts like one at once")
    func refusedAltogether() throws {
        let stage = HubStage(loops: 2)
        let all = forgetful(opening: .rejected(status: 404, message: "gone"))
        let refused = try stage.ask(stage.entry(all), lastEventID: "5")
        stage.turn()
        #expect(refused.door.answers == ["rejected 404 gone"] && all.streams.count == 2)

        let later = forgetful(isPending: true)
        let visitor = try stage.ask(stage.entry(later, generation: 2), parameters: "later", lastEventID: "5")
        stage.turn()
        #expect(stage.runtime.opened(later.streams[0].token, .rejected(status: 410, message: "forgotten")))
        stage.turn()
        #expect(visitor.door.answers == [] && later.streams.count == 2)
        #expect(stage.runtime.opened(later.streams[1].token, .ended()))
        stage.turn()
        #expect(visitor.door.answers == ["ended"] && stage.isIdle)
    }

    @Test("the headers of a refusal go to everybody who waits", arguments: [true, false])
    func headers(isEnd: Bool) throws {
        let stage = HubStage(loops: 3)
        let producer = forgetful(isPending: true)
        let entry = stage.entry(producer)
        let visitors = try (0..<5).map { _ in try stage.ask(entry) }
        stage.turn()
        let added: [StreamRequest.Field] = [.init("Retry-After", "7"), .init("Set-Cookie", "a=b")]
        let outcome: OpenOutcome =
            isEnd ? .ended(headers: added) : .rejected(status: 429, message: "later", headers: added)
        #expect(stage.runtime.opened(producer.only.token, outcome))
        stage.turn()
        let answer = (isEnd ? "ended" : "rejected 429 later") + " Retry-After=7 Set-Cookie=a=b"
        #expect(visitors.allSatisfy { $0.door.answers == [answer] })
        #expect(stage.isIdle)
    }

    @Test("everybody has left when the id is refused: it is not opened again")
    func refusedForNobody() throws {
        let stage = HubStage()
        let producer = forgetful(isPending: true)
        let visitor = try stage.ask(stage.entry(producer), lastEventID: "5")
        stage.turn()
        visitor.leave()
        stage.turn()
        #expect(stage.runtime.opened(producer.only.token, .rejected(status: 410, message: "forgotten")))
        stage.turn()
        #expect(producer.streams.count == 1 && stage.isIdle)
    }

    @Test("with the one thread that there is, a blocking source is opened again, too", .timeLimit(.minutes(5)))
    func refusedOnThread() async throws {
        var limits = Limits.hubs { $0.linger = 0 }
        limits.maxThreads = 1
        let stage = ThreadStage(limits, loops: 2)
        let producer = forgetful(isNonblocking: false)
        let entry = stage.entry(producer)
        for _ in 0..<10 {
            let opens = producer.streams.count
            let door = FakeDoor()
            var request = StreamRequest.plain
            request.lastEventID = "5"
            let token = try stage.runtime.open(RouteMatch(entry: entry, values: []), request, answering: door)
            #expect(await eventually { !door.answers.isEmpty })
            #expect(door.answers == ["stream"] && producer.streams.count == opens + 2)
            stage.runtime.leave(token)
            #expect(await stage.isIdle())
        }
    }

    @Test("the source of a hub counts among the streams: without a place for it, its subscriber is turned away")
    func sourcesCount() throws {
        var limits = Limits.hubs { $0.linger = 0 }
        limits.maxStreams = 3
        let stage = HubStage(limits)
        let producer = HubOpeningTests.producer()
        let entry = stage.entry(producer)
        let first = try stage.join(entry, parameters: "1")
        let second = try stage.ask(entry, parameters: "2")
        stage.turn()
        #expect(second.door.answers == ["unavailable"] && producer.streams.count == 1)
        #expect(stage.runtime.figures().streams.open == 2 && stage.runtime.figures().streams.refusedRequests == 1)
        #expect(stage.log.contains("warning: shared stream not opened: a limit is reached"))
        let third = try stage.join(entry, parameters: "1")
        #expect(third.door.answers == ["stream"])
        for visitor in [first, third] { visitor.hangUp() }
        stage.pass(milliseconds: 1)
        #expect(stage.isIdle && entry.generation.liveStreams == 0)
    }

    @Test("at the limit the hub that was unused for the longest time makes room; one that is in use never does")
    func eviction() throws {
        var limits = Limits.hubs { $0.linger = .max }
        limits.maxHubsPerProducer = 3
        let stage = HubStage(limits, loops: 2)
        let producer = HubOpeningTests.producer()
        let entry = stage.entry(producer)
        let visitors = try ["a", "b", "c"].map { try stage.join(entry, parameters: $0) }
        #expect(throws: Overload(limit: "max-hubs-per-producer")) { try stage.ask(entry, parameters: "d") }
        visitors[1].hangUp()
        visitors[0].hangUp()
        stage.pass(milliseconds: 60_000)
        #expect(producer.streams.allSatisfy { $0.closeReasons == [] } && stage.runtime.figures().hubs.evicted == 0)

        let fourth = try stage.join(entry, parameters: "d")
        stage.pass(milliseconds: 1)
        #expect(fourth.door.answers == ["stream"] && stage.hubCount == 3)
        #expect(producer.streams.map(\.closeReasons) == [[], [.disconnected], [], []])
        #expect(
            stage.log.contains("info: shared stream closed: it has no subscribers, and another stream needs its place"))
        let back = try stage.join(entry, parameters: "b")
        stage.pass(milliseconds: 1)
        #expect(producer.streams.map(\.closeReasons) == [[.disconnected], [.disconnected], [], [], []])
        #expect(stage.runtime.figures().hubs.evicted == 2)
        stage.emit(entry, data: "x")
        #expect(back.story == ["1:x"] && Set(visitors[2].story) == ["keep-alive"])
        #expect(throws: Overload(limit: "max-hubs-per-producer")) { try stage.ask(entry, parameters: "e") }
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        for visitor in [visitors[2], fourth, back] { visitor.hangUp() }
        #expect(stage.isIdle)
    }

    @Test("a hub is evicted while its source still opens: what it opened is closed")
    func evictedWhileOpening() throws {
        var limits = Limits.hubs { $0.linger = .max }
        limits.maxHubsPerProducer = 1
        let stage = HubStage(limits, loops: 2)
        let producer = HubOpeningTests.producer(opening: { _ in .pending })
        let entry = stage.entry(producer)
        let first = try stage.ask(entry, parameters: "a")
        stage.turn()
        first.leave()
        stage.turn()
        let second = try stage.ask(entry, parameters: "b")
        stage.turn()
        for stream in producer.streams { #expect(stage.runtime.opened(stream.token, .opened(headers: []))) }
        stage.pass(milliseconds: 1)
        #expect(second.door.answers == ["stream"])
        #expect(producer.streams.map(\.closeReasons) == [[.disconnected], []] && stage.hubCount == 1)
    }

    @Test(
        "whoever comes for an evicted hub before it has closed gets it, with its history: never are there two of a kind"
    )
    func evictedAndBack() throws {
        var limits = Limits.hubs { $0.linger = .max }
        limits.maxHubsPerProducer = 1
        let stage = HubStage(limits, loops: 2)
        let producer = HubOpeningTests.producer(closing: { _, _ in false })
        let entry = stage.entry(producer)
        let first = try stage.join(entry, parameters: "a")
        stage.emit(entry, data: "x")
        first.hangUp()
        let second = try stage.join(entry, parameters: "b")
        stage.pass(milliseconds: 1)
        #expect(producer.streams.map(\.closeReasons) == [[.disconnected], []] && stage.hubCount == 2)
        #expect(throws: Overload(limit: "max-hubs-per-producer")) { try stage.ask(entry, parameters: "a") }
        second.hangUp()
        let back = try stage.ask(entry, parameters: "a", history: "all")
        stage.pass(milliseconds: 1)
        #expect(producer.streams.map(\.closeReasons) == [[.disconnected], [.disconnected]])
        for stream in producer.streams { #expect(stage.runtime.closed(stream.token)) }
        stage.turn()
        #expect(producer.streams.count == 3 && back.door.answers == ["stream"] && stage.hubCount == 1)
        back.attach()
        stage.turn()
        stage.emit(entry, data: "y")
        // Let in when it opened again, it sees what was there before.
        #expect(back.story == ["1:x", "2:y"])
    }

    @Test("a request from before a reload joins what came with it, and displaces nothing")
    func matchedBefore() throws {
        let stage = HubStage(loops: 2)
        let (oldProducer, newProducer) = (HubOpeningTests.producer(), HubOpeningTests.producer())
        let (old, new) = (stage.entry(oldProducer), stage.entry(newProducer, generation: 2))
        stage.runtime.replaceRoutes(RouteTable([new]))
        let first = try stage.join(new)
        let late = try stage.join(old)
        #expect(oldProducer.streams.isEmpty && newProducer.streams.count == 1 && stage.hubCount == 1)
        stage.emit(new, data: "x")
        #expect(first.story == ["1:x"] && late.story == ["1:x"])
        #expect(old.generation.liveStreams == 0 && new.generation.liveStreams == 3)
        // Its route went with the reload.
        stage.runtime.replaceRoutes(RouteTable())
        #expect(throws: Overload(limit: "reload")) { try stage.ask(old) }
        for visitor in [first, late] { visitor.hangUp() }
        stage.pass(milliseconds: 5010)
        #expect(stage.isIdle && new.generation.liveStreams == 0)
    }
}
