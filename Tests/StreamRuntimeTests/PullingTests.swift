import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Pulling and waking")
struct PullingTests {
    let stage = Stage()

    @Test("events that are available together share a send")
    func together() throws {
        let visitor = try stage.subscribe(FakeProducer([.event("a"), .event("b"), .event("c")]))
        #expect(visitor.text == frame("a") + frame("b") + frame("c"))
        #expect(visitor.socket.sends == 2, "the head, then all events")
    }

    @Test("a producer that requests a wait is not called before its time, and then is")
    func waits() throws {
        let producer = FakeProducer([.event("a", wait: 1000), .event("b", wait: 1000), .event("c")])
        let visitor = try stage.subscribe(producer)
        let began = stage.system.time
        #expect(visitor.text == frame("a"))
        stage.pass(milliseconds: 999)
        #expect(visitor.text == frame("a"))
        stage.pass(milliseconds: 2)
        #expect(visitor.text == frame("a") + frame("b"))
        #expect(stage.system.time - began < 1_002_000_000)
    }

    @Test("a wait of -1 lasts until a wake, however long that is")
    func waitsForWake() throws {
        let producer = FakeProducer([.wait(-1), .event("a")])
        let visitor = try stage.subscribe(producer)
        stage.pass(milliseconds: 3_600_000)
        #expect(producer.only.stepsTaken == 1)
        #expect(stage.runtime.wake(visitor.token))
        stage.turn()
        #expect(visitor.text.hasSuffix(frame("a")))
    }

    @Test("a wake ends a wait early")
    func wakeCutsShort() throws {
        let visitor = try stage.subscribe(FakeProducer([.wait(60_000), .event("a")]))
        stage.runtime.wake(visitor.token)
        stage.turn()
        #expect(visitor.text == frame("a"))
    }

    @Test("a wait of 0 is repeated without spinning: once a millisecond")
    func waitZero() throws {
        let producer = FakeProducer([.wait(0).repeated()])
        _ = try stage.subscribe(producer)
        let before = producer.only.stepsTaken
        stage.turn(1000)
        #expect(producer.only.stepsTaken == before, "no time has passed")
        stage.pass(milliseconds: 100)
        #expect((90...110).contains(producer.only.stepsTaken - before))
    }

    @Test("many wakes cause one pull")
    func coalesced() throws {
        let producer = FakeProducer([.wait(-1).repeated()])
        let visitor = try stage.subscribe(producer)
        for _ in 0..<100 { #expect(stage.runtime.wake(visitor.token)) }
        stage.turn()
        #expect(producer.only.stepsTaken == 2)
    }

    @Test("a wake during a pull that finds nothing is not lost")
    func wakeDuringPull() throws {
        unowned let runtime = stage.runtime
        let producer = FakeProducer([
            .act { stream in
                runtime.wake(stream.token)
                return .wait(milliseconds: -1)
            },
            .event("a"),
        ])
        let visitor = try stage.subscribe(producer)
        #expect(visitor.text == frame("a"))
    }

    @Test("a wake between open and connection is harmless")
    func wakeBeforeAttach() throws {
        let producer = FakeProducer([.event("a")])
        let visitor = try stage.open(producer)
        #expect(stage.runtime.wake(visitor.token))
        stage.turn()
        #expect(producer.only.calls == ["open"])
        stage.runtime.wake(visitor.token)
        visitor.attach()
        stage.turn()
        #expect(visitor.text == frame("a"))
    }

    @Test("a wake does not pull a producer without next")
    func wakeWithoutNext() throws {
        let producer = FakeProducer(hasNext: false)
        let visitor = try stage.subscribe(producer)
        stage.runtime.wake(visitor.token)
        stage.turn()
        #expect(producer.only.calls == ["open"])
        #expect(stage.emit(visitor, "a") == .accepted)
        stage.turn()
        #expect(visitor.text == frame("a"))
    }

    @Test("a keep-alive is sent exactly when nothing else was sent for its interval")
    func keepAlive() throws {
        let producer = FakeProducer([.event("a", wait: 10_000).repeated(7), .wait(-1)])
        let visitor = try stage.subscribe(producer)
        stage.pass(milliseconds: 65_000)
        #expect(visitor.text == String(repeating: frame("a"), count: 7), "no silence of 15 s")
        let last = stage.system.time
        stage.pass(milliseconds: 60_000 + 8_000)
        #expect(visitor.text.dropFirst(7 * 9) == ":\n:\n:\n:\n", "at 15, 30, 45 and 60 s")
        #expect(last > 0)
    }

    @Test("keep-alives come up to a tenth early, and not all at the same time")
    func keepAliveJitter() throws {
        var visitors: [Visitor] = []
        for _ in 0..<50 { visitors.append(try stage.subscribe(FakeProducer())) }
        stage.pass(milliseconds: 13_400)
        #expect(visitors.allSatisfy { $0.text.isEmpty })
        stage.pass(milliseconds: 800)
        let early = visitors.count { !$0.text.isEmpty }
        #expect((1..<50).contains(early))
        stage.pass(milliseconds: 900)
        #expect(visitors.allSatisfy { $0.text == ":\n" })
    }

    @Test("an invalid token is answered without harm")
    func strangeTokens() throws {
        let visitor = try stage.subscribe(FakeProducer())
        var strange = [1, 0xff00_0000, UInt64.max, visitor.token.raw ^ 1 << 32, visitor.token.raw ^ 1]
        strange.append(visitor.token.raw | 0xff << 24)
        for raw in strange {
            let token = StreamToken(raw: raw)!
            #expect(!stage.runtime.wake(token))
            #expect(stage.runtime.emit(token) { _ in true } == .over)
            #expect(stage.runtime.isCancelled(token))
            #expect(!stage.runtime.isLive(token))
            #expect(stage.runtime.producer(of: token) == nil)
            #expect(!stage.runtime.opened(token, .ended()))
            #expect(!stage.runtime.closed(token))
            #expect(stage.runtime.sleep(token, milliseconds: 1) == nil)
            let outcome = stage.runtime.schedule(token, afterNanoseconds: 0, .nothing)
            #expect(outcome == .over)
            stage.runtime.leave(token)
            stage.runtime.sinksDrained([token])
            stage.runtime.sinkClosed(token)
        }
        stage.turn()
        #expect(stage.runtime.isLive(visitor.token))
        #expect(stage.runtime.sleep(visitor.token, milliseconds: 1) == nil, "a stream on a loop must not sleep")
    }
}
