import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

/// Whatever else happens without pause, due work is done.
@Suite("No starvation")
struct StarvationTests {
    /// Wakes a stream in every turn, for some time.
    private func wake(_ visitor: Visitor, seconds: Int, until isReached: () -> Bool = { false }) {
        for _ in 0..<seconds * 100 where !isReached() {
            visitor.stage.runtime.wake(visitor.token)
            visitor.stage.system.advance(nanoseconds: 10_000_000)
            visitor.stage.turn(1)
        }
    }

    @Test("a stream that is woken in every turn and has nothing to send gets its keep-alives")
    func keepAlive() throws {
        let stage = Stage()
        let visitor = try stage.subscribe(FakeProducer([.wait(-1).repeated()]))
        wake(visitor, seconds: 61)
        #expect(visitor.text == ":\n:\n:\n:\n")
    }

    @Test("and none in the middle of its events")
    func noKeepAlive() throws {
        let stage = Stage()
        let visitor = try stage.subscribe(FakeProducer([.event("a", wait: -1).repeated()]))
        wake(visitor, seconds: 61)
        #expect(visitor.text == String(repeating: frame("a"), count: 6101))
    }

    @Test("and ends at its age")
    func maxAge() throws {
        var limits = Limits()
        limits.maxAge = 20_000_000_000
        let stage = Stage(limits)
        let producer = FakeProducer([.wait(-1).repeated()])
        let visitor = try stage.subscribe(producer)
        wake(visitor, seconds: 30) { !producer.only.closeReasons.isEmpty }
        #expect(producer.only.closeReasons == [.expired])
    }

    @Test("a shared stream that is woken in every turn closes after its linger time")
    func linger() throws {
        var limits = Limits()
        limits.hub.linger = 5_000_000_000
        let stage = Stage(limits)
        let producer = FakeProducer([.wait(-1).repeated()], isShared: true)
        let visitor = try stage.subscribe(producer)
        visitor.hangUp()
        stage.turn()
        let stream = producer.only.token
        for _ in 0..<600 where producer.only.closeReasons.isEmpty {
            stage.runtime.wake(stream)
            stage.system.advance(nanoseconds: 10_000_000)
            stage.turn(1)
        }
        #expect(producer.only.closeReasons == [.disconnected] && stage.isIdle)
    }

    @Test("a stream's scheduled calls are limited, and those of others run in between")
    func scheduledCalls() throws {
        var limits = Limits()
        limits.maxScheduledCalls = 100
        let stage = Stage(limits)
        let (flooding, other) = (try stage.subscribe(FakeProducer()), try stage.subscribe(FakeProducer()))
        let ran = Counter()
        let counting = FakeCall { ran.count() }
        func schedule(_ visitor: Visitor) -> ScheduleOutcome {
            stage.runtime.schedule(visitor.token, afterNanoseconds: 0, counting.call)
        }
        let outcomes = (0..<110).map { _ in schedule(flooding) }
        #expect(outcomes == Array(repeating: .accepted, count: 100) + Array(repeating: .tooMany, count: 10))
        let foreign = schedule(other)
        #expect(foreign == .accepted)
        stage.turn()
        #expect(ran.value == 101)
        let later = schedule(flooding)
        #expect(later == .accepted, "there is room again")
        flooding.hangUp()
        stage.turn()
        let behind = schedule(flooding)
        #expect(behind == .over)
    }

    @Test("calls that take long leave the rest of the turn to others")
    func longCalls() throws {
        let stage = Stage()
        nonisolated(unsafe) let system = stage.system
        let ticking = try stage.subscribe(FakeProducer([.event("t", wait: 1).repeated()]))
        let opened = Counter()
        var visitors: [Visitor] = []
        for _ in 0..<100 {
            let producer = FakeProducer(opening: { _ in
                system.advance(nanoseconds: 1_000_000)
                opened.count()
                return .opened(headers: [])
            })
            visitors.append(try stage.open(producer))
        }
        let before = ticking.text.count
        stage.turn(10)
        #expect((10...20).contains(opened.value), "two a turn, or three")
        #expect(ticking.text.count >= before + 9 * frame("t").count)
        stage.turn(50)
        #expect(opened.value == 100)
    }
}
