import ProducerInterface
import StreamLoop
import Synchronization
import Testing

@testable import StreamRuntime

@Suite("Open streams in the figures")
struct OpenStreamsTests {
    private func openStreams(_ runtime: Runtime, turn: () -> Void) -> OpenStreams? {
        let found = Mutex<OpenStreams?>(nil)
        runtime.gatherOpenStreams(holdersMax: 2) { streams in found.withLock { $0 = streams } }
        turn()
        return found.withLock { $0 }
    }

    @Test("counted by generation, with the oldest ones named")
    func generations() throws {
        let stage = Stage()
        let (old, new) = (Generation(plugin: "p", number: 1), Generation(plugin: "p", number: 2))
        let oldEntry = stage.entry(FakeProducer(name: "old"), old)
        var visitors: [Visitor] = []
        for _ in 0..<3 {
            let visitor = try stage.open(oldEntry)
            stage.turn()
            visitor.attach()
            stage.pass(milliseconds: 1000)
            visitors.append(visitor)
        }
        visitors.append(try stage.open(stage.entry(FakeProducer(), new)))
        stage.turn()
        let open = try #require(openStreams(stage.runtime) { stage.turn() })
        let share = open.of(old)
        #expect(share.streams == 3 && share.subscribers == 3)
        #expect(share.holders.map(\.stream) == visitors[..<2].map(\.token))
        #expect(share.holders.map { $0.age / 1_000_000_000 } == [3, 2])
        #expect(share.holders.first?.producer == "old")
        #expect(open.of(new).streams == 1)
        for visitor in visitors[..<3] { visitor.hangUp() }
        visitors[3].leave()
        stage.turn()
        #expect(openStreams(stage.runtime) { stage.turn() }?.of(old) == GenerationStreams())
    }

    @Test("one that opens has its age, and one whose subscriber has left has no peer any more")
    func beginAndEnd() throws {
        let stage = Stage()
        let opens = stage.entry(
            FakeProducer(name: "opens", opening: { _ in .pending }), Generation(plugin: "a", number: 1))
        let closes = stage.entry(
            FakeProducer(name: "closes", closing: { _, _ in false }), Generation(plugin: "b", number: 1))
        let opening = try stage.open(opens)
        let closing = try stage.subscribe(closes)
        closing.hangUp()
        stage.pass(milliseconds: 3000)
        let open = try #require(openStreams(stage.runtime) { stage.turn() })
        let first = open.of(opens.generation)
        #expect(first.subscribers == 1 && first.holders.map { $0.age / 1_000_000_000 } == [3])
        let second = open.of(closes.generation)
        #expect(second.streams == 1 && second.subscribers == 0)
        #expect(second.holders.map(\.peer) == [nil] && second.holders.map(\.isShared) == [false])
        opening.leave()
        #expect(stage.runtime.opened(opening.token, .ended()))
        #expect(stage.runtime.closed(closing.token))
        stage.turn()
    }

    @Test("a shared stream counts once, over all loops, and its readers count each")
    func shared() throws {
        let stage = HubStage(loops: 3)
        let entry = stage.entry(FakeProducer(isShared: true))
        let visitors = try (0..<7).map { _ in try stage.join(entry) }
        let share = try #require(openStreams(stage.runtime) { stage.turn() }).of(entry.generation)
        #expect(share.streams == 1 && share.subscribers == 7 && share.holders.map(\.isShared) == [true])
        for visitor in visitors { stage.runtime.leave(visitor.token) }
        stage.turn()
    }

    @Test("thousands of streams are examined in several turns")
    func many() throws {
        let stage = Stage()
        let entry = stage.entry(FakeProducer())
        let visitors = try (0..<5000).map { _ in try stage.open(entry) }
        stage.turn()
        let found = Mutex<OpenStreams?>(nil)
        stage.runtime.gatherOpenStreams { streams in found.withLock { $0 = streams } }
        stage.turn(1)
        #expect(found.withLock { $0 } == nil)
        stage.turn(1)
        #expect(found.withLock { $0 }?.of(entry.generation).streams == 5000)
        for visitor in visitors { visitor.leave() }
        stage.turn()
    }
}

@Suite("Limits that are replaced")
struct ReplacedLimitsTests {
    @Test("a shorter keep-alive, age and write deadline apply to open streams, too")
    func times() throws {
        var limits = Limits()
        let stage = Stage(limits)
        let quiet = try stage.subscribe(FakeProducer())
        stage.pass(milliseconds: 2000)
        #expect(quiet.text == "")
        limits.keepAlive = 1_000_000_000
        stage.runtime.replaceLimits(limits)
        stage.pass(milliseconds: 1000)
        #expect(quiet.text.hasPrefix(":\n"))
        let full = try stage.subscribe(
            FakeProducer([FakeProducer.Step.event(String(repeating: "x", count: 100))]), room: 50)
        limits.writeDeadline = 500_000_000
        stage.runtime.replaceLimits(limits)
        stage.pass(milliseconds: 600)
        #expect(full.slot == nil, "it outlived its write deadline")
        limits.maxAge = 3_000_000_000
        stage.runtime.replaceLimits(limits)
        stage.pass(milliseconds: 1)
        #expect(quiet.text.contains("retry: "), "it outlived its age")
    }

    @Test("a shared stream's keep-alive, too")
    func clock() throws {
        var limits = Limits()
        let stage = HubStage(limits)
        let reader = try stage.join(stage.entry(FakeProducer(isShared: true)))
        limits.keepAlive = 1_000_000_000
        stage.runtime.replaceLimits(limits)
        stage.pass(milliseconds: 1100)
        #expect(reader.story == ["keep-alive"])
    }

    @Test("more streams, or fewer, from now on")
    func counts() throws {
        var limits = Limits()
        limits.maxStreams = 1
        let stage = Stage(limits)
        let first = try stage.open(FakeProducer())
        #expect(throws: Overload(limit: "max-streams")) { try stage.open(FakeProducer()) }
        limits.maxStreams = 2
        stage.runtime.replaceLimits(limits)
        let second = try stage.open(FakeProducer())
        limits.maxStreams = 1
        stage.runtime.replaceLimits(limits)
        first.leave()
        stage.turn()
        #expect(throws: Overload(limit: "max-streams")) { try stage.open(FakeProducer()) }
        second.leave()
        stage.turn()
        #expect(stage.isIdle)
    }
}
