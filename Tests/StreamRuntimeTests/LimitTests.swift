import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Limits")
struct LimitTests {
    @Test("streams are limited, and every kind of end gives the place back")
    func places() throws {
        var limits = Limits()
        limits.maxStreams = 1
        let stage = Stage(limits)
        let ways: [(FakeProducer, (Visitor) -> Void)] = [
            (FakeProducer(opening: { _ in .ended() }), { _ in }),
            (FakeProducer(opening: { _ in .failed(log: "") }), { _ in }),
            (
                FakeProducer(opening: { _ in .pending }),
                { visitor in
                    visitor.leave()
                    _ = stage.runtime.opened(visitor.token, .rejected(status: 404, message: ""))
                }
            ),
            (FakeProducer(), { $0.leave() }),
            (FakeProducer([.end]), { $0.attach() }),
            (FakeProducer([.fail("")]), { $0.attach() }),
            (
                FakeProducer(),
                { visitor in
                    visitor.attach()
                    stage.turn()
                    visitor.hangUp()
                }
            ),
            (
                FakeProducer(closing: { _, _ in false }),
                { visitor in
                    visitor.leave()
                    stage.turn()
                    #expect(stage.runtime.closed(visitor.token))
                }
            ),
        ]
        for (index, (producer, way)) in ways.enumerated() {
            let visitor = try stage.open(producer)
            #expect(throws: Overload(limit: "max-streams")) { try stage.open(FakeProducer()) }
            stage.turn()
            way(visitor)
            stage.turn()
            #expect(stage.runtime.figures().streams.open == 0, "way \(index)")
            #expect(stage.runtime.figures().streams.refusedRequests == index + 1)
        }
    }

    @Test("streams of one producer are limited, those of another do not count")
    func perProducer() throws {
        var limits = Limits()
        limits.maxStreamsPerProducer = 2
        let stage = Stage(limits)
        let (entry, other) = (stage.entry(FakeProducer()), stage.entry(FakeProducer()))
        let visitors = [try stage.open(entry), try stage.open(entry)]
        #expect(throws: Overload(limit: "max-streams-per-producer")) { try stage.open(entry) }
        _ = try stage.open(other)
        stage.turn()
        #expect(stage.runtime.figures().streams.open == 3, "the refused one gave its place back")
        visitors[0].leave()
        stage.turn()
        _ = try stage.open(entry)
        #expect(throws: Overload(limit: "max-streams-per-producer")) { try stage.open(entry) }
    }

    @Test("without a free thread, a blocking stream is refused and holds nothing")
    func threads() throws {
        var limits = Limits()
        limits.maxThreads = 0
        let stage = Stage(limits)
        let generation = Generation(plugin: "fakes", number: 1)
        let entry = stage.entry(FakeProducer(isNonblocking: false), generation)
        #expect(throws: Overload(limit: "max-threads")) { try stage.open(entry) }
        #expect(stage.isIdle && generation.liveStreams == 0)
    }

    @Test("a generation that was shut down accepts no stream, and nothing is held")
    func shutDown() throws {
        let stage = Stage()
        let generation = Generation(plugin: "fakes", number: 1)
        let entry = stage.entry(FakeProducer(), generation)
        generation.retire()
        #expect(throws: Overload(limit: "reload")) { try stage.open(entry) }
        #expect(stage.isIdle)
    }

    @Test("the ledger counts opens and closes by reason")
    func ledger() throws {
        let stage = Stage()
        let entry = stage.entry(FakeProducer([.event("a", wait: -1)]))
        let visitors = try (0..<5).map { _ in try stage.open(entry) }
        stage.turn()
        #expect(entry.ledger.open == 5)
        visitors[0].leave()
        visitors[1].attach()
        stage.turn()
        visitors[1].hangUp()
        stage.turn()
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(entry.ledger == .init(opens: 5, closes: 5, reasons: [.disconnected: 2, .shutdown: 3]))
    }
}

@Suite("Stalls and fairness")
struct StallTests {
    @Test(
        "a producer that stalls its loop is named, and if it does so repeatedly, its streams move to threads",
        arguments: ["open", "next", "close"])
    func demoted(_ function: String) async throws {
        let stage = Stage()
        nonisolated(unsafe) let system = stage.system
        let stall = { @Sendable in system.advance(nanoseconds: 51_000_000) }
        let producer = FakeProducer(
            [
                .act { _ in
                    if function == "next" { stall() }
                    return .wait(milliseconds: -1)
                }
            ],
            opening: { _ in
                if function == "open" { stall() }
                return .opened(headers: [])
            },
            closing: { _, _ in
                if function == "close" { stall() }
                return true
            })
        let entry = stage.entry(producer)
        for _ in 0..<StallHabit.stallsMax {
            #expect(!entry.usesThreads(at: system.time))
            let visitor = try stage.subscribe(entry)
            visitor.hangUp()
            stage.turn()
        }
        // A thread that took a stream over ends in real time.
        let isOver = await eventually {
            stage.turn()
            return stage.isIdle
        }
        #expect(isOver && entry.usesThreads(at: system.time))
        let lines = stage.log.lines.filter { $0.contains("function=\(function)") && $0.contains("took_ms=51") }
        #expect(
            lines.count == 3 && lines.map { $0.contains("run on threads for the next 60 s") } == [false, false, true])
    }

    @Test("a producer within the limit is left alone, whatever others did in the same turn")
    func innocent() throws {
        let stage = Stage()
        nonisolated(unsafe) let system = stage.system
        let quick = stage.entry(FakeProducer([.wait(10).repeated()]))
        let slow = stage.entry(
            FakeProducer([
                .act { _ in
                    system.advance(nanoseconds: 49_000_000)
                    return .wait(milliseconds: 10)
                }.repeated()
            ]))
        for entry in [slow, quick, slow, quick] {
            _ = try stage.subscribe(entry)
        }
        stage.pass(milliseconds: 1000)
        #expect(!quick.usesThreads(at: system.time) && !slow.usesThreads(at: system.time))
    }

    @Test("a producer is not blamed when the machine runs other threads meanwhile")
    func busyMachine() throws {
        let stage = Stage()
        nonisolated(unsafe) let system = stage.system
        let own = Mutex<Int64>(40_000_000)
        let entry = stage.entry(
            FakeProducer([
                .act { _ in
                    system.advance(nanoseconds: own.withLock { $0 })
                    system.delay(nanoseconds: 500_000_000)
                    return .wait(milliseconds: 10)
                }.repeated()
            ]))
        let visitor = try stage.open(entry)
        stage.turn()
        visitor.attach()
        stage.pass(milliseconds: 20_000)
        #expect(!entry.usesThreads(at: system.time))
        own.withLock { $0 = 51_000_000 }
        stage.pass(milliseconds: 1000)
        #expect(entry.usesThreads(at: system.time))
        #expect(stage.log.lines.count { $0.contains("function=next") && $0.contains("took_ms=51") } == 3)
    }

    @Test("a stream that always has more to send gets four batches per turn, and others have theirs in between")
    func fair() throws {
        let stage = Stage()
        let text = String(repeating: "x", count: 1000)
        let flooding = FakeProducer([.event(text).repeated()])
        let flood = try stage.subscribe(flooding)
        let ticking = FakeProducer([.event("tick", wait: 10).repeated()])
        let tick = try stage.subscribe(ticking)
        for _ in 0..<100 {
            let (taken, ticks) = (flooding.only.stepsTaken, ticking.only.stepsTaken)
            stage.system.advance(nanoseconds: 10_000_000)
            stage.runtime.turn()
            #expect(ticking.only.stepsTaken == ticks + 1)
            #expect((1...4 * 70).contains(flooding.only.stepsTaken - taken))
        }
        #expect(flood.socket.sent.count > 100 * 60_000)
        #expect(tick.text.hasPrefix(frame("tick")))
    }

    @Test("a keep-alive that comes due while a stream waits for its turn does no harm")
    func keepAliveWhileQueued() throws {
        let stage = Stage()
        let text = String(repeating: "x", count: 1000)
        let visitor = try stage.subscribe(FakeProducer([.event(text).repeated()]))
        for _ in 0..<5 {
            stage.system.advance(nanoseconds: 20_000_000_000)
            stage.turn(1)
        }
        let parts = visitor.text.replacing("\n:\n", with: "\n")
        #expect(parts == String(repeating: frame(text), count: parts.count / frame(text).count))
    }
}
