import CCalls
import EventStream
import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Emitted events")
struct EmittingTests {
    let stage = Stage()

    @Test("emitted events are sent in order, also together with next")
    func order() throws {
        let producer = FakeProducer([.event("pulled 1", wait: -1), .event("pulled 2", wait: -1)])
        let visitor = try stage.subscribe(producer)
        for text in ["a", "b"] { #expect(stage.emit(visitor, text) == .accepted) }
        stage.runtime.wake(visitor.token)
        stage.turn()
        #expect(visitor.text == frame("pulled 1") + frame("a") + frame("b") + frame("pulled 2"))
    }

    @Test("events emitted before there is a connection wait for it")
    func beforeAttach() throws {
        let visitor = try stage.open(FakeProducer([.event("pulled")]))
        stage.turn()
        #expect(stage.emit(visitor, "a") == .accepted)
        stage.turn()
        visitor.attach()
        #expect(stage.emit(visitor, "b") == .accepted)
        stage.turn()
        #expect(visitor.text == frame("a") + frame("b") + frame("pulled"))
    }

    @Test("an invalid event is rejected and leaves no bytes")
    func invalid() throws {
        let visitor = try stage.subscribe(FakeProducer())
        #expect(stage.runtime.emit(visitor.token) { _ in false } == .invalid)
        #expect(stage.emit(visitor, "a") == .accepted)
        stage.turn()
        #expect(visitor.text == frame("a"))
    }

    @Test("a full queue rejects without encoding; the stream is woken once there is room")
    func full() throws {
        var limits = Limits()
        limits.handoffBytes = 160
        let stage = Stage(limits)
        let producer = FakeProducer([.wait(-1), .event("room")])
        let visitor = try stage.subscribe(producer, room: 0)
        // The preamble already fills the socket, so emitted events stay in the queue.
        var accepted = 0
        while stage.emit(visitor, "0123456789") == .accepted { accepted += 1 }
        #expect(accepted == 6, "30 bytes each as chunks, until 160 are held")
        var wasEncoded = false
        let outcome = stage.runtime.emit(visitor.token) { _ in
            wasEncoded = true
            return true
        }
        #expect(outcome == .full && !wasEncoded)
        stage.turn()
        #expect(producer.only.stepsTaken == 0)
        visitor.read(1 << 20)
        stage.turn()
        #expect(stage.emit(visitor, "again") == .accepted)
        stage.turn()
        #expect(visitor.text == String(repeating: frame("0123456789"), count: 6) + frame("again"))
        #expect(producer.only.stepsTaken == 1)
    }

    @Test("room in the queue wakes a producer that waits forever")
    func wokenByRoom() throws {
        var limits = Limits()
        limits.handoffBytes = 70
        let stage = Stage(limits)
        let producer = FakeProducer([.wait(-1), .event("room", wait: -1)])
        let visitor = try stage.subscribe(producer)
        #expect(producer.only.stepsTaken == 1)
        while stage.emit(visitor, "0123456789") == .accepted {}
        stage.turn()
        #expect(visitor.text == String(repeating: frame("0123456789"), count: 3) + frame("room"))
    }

    @Test("an event emitted by the call that ends the stream comes before the end")
    func emitThenEnd() throws {
        let stage = stage
        unowned let runtime = stage.runtime
        let producer = FakeProducer([
            .event("pulled"),
            .act { stream in
                let outcome = runtime.emit(stream.token) { frames in
                    (try? EventEncoder().encode(Event(data: "emitted"), into: &frames)) != nil
                }
                if outcome != .accepted { stream.violate("emit answered \(outcome)") }
                return .ended
            },
        ])
        let visitor = try stage.subscribe(producer)
        #expect(visitor.text == frame("pulled") + frame("emitted") + finished)
        #expect(producer.violations == [])
        #expect(producer.only.closeReasons == [.completed])
    }

    @Test(
        "events emitted within a call come after those encoded earlier, and before the one that the call returns",
        arguments: [true, false])
    func emittedWithinCall(isShared: Bool) throws {
        let stage = stage
        unowned let runtime = stage.runtime
        // Like PluginProducer.
        let step = FakeProducer.Step(times: 3) { stream, frames in
            let number = stream.stepsTaken
            for half in ["a", "b"] {
                _ = runtime.emit(stream.token) {
                    try! EventEncoder().encode(Event(data: "\(number)\(half)"), into: &$0); return true
                }
            }
            if sluice_take_emit() { runtime.takeEmitted(stream.token, into: &frames) }
            try! EventEncoder().encode(Event(data: "\(number)c"), into: &frames)
            return nil
        }
        let visitor = try stage.subscribe(FakeProducer([step, .wait(-1)], isShared: isShared))
        let expected = (1...3).flatMap { number in ["a", "b", "c"].map { frame("\(number)\($0)") } }.joined()
        #expect(visitor.text.replacing(/id: .*\n/, with: "") == expected)
        #expect(!sluice_take_emit(), "nothing is left over for the next stream")
        #expect(stage.emit(visitor, "later") == .accepted)
        #expect(!sluice_take_emit(), "it was not called")
    }

    @Test("a stream that has ended, or is being closed, emits nothing")
    func over() throws {
        let stage = stage
        unowned let runtime = stage.runtime
        let producer = FakeProducer(
            [.end],
            closing: { stream, _ in
                if runtime.emit(stream.token, { _ in true }) != .over { stream.violate("emitted in close") }
                if !runtime.isCancelled(stream.token) { stream.violate("not cancelled in close") }
                if !runtime.isLive(stream.token) { stream.violate("stale in close") }
                if runtime.producer(of: stream.token) == nil { stream.violate("nobody's in close") }
                return true
            })
        let visitor = try stage.subscribe(producer)
        #expect(producer.violations == [])
        #expect(producer.only.closeReasons == [.completed])
        #expect(stage.emit(visitor, "late") == .over)
        #expect(!runtime.wake(visitor.token))
        #expect(!runtime.isLive(visitor.token))
        #expect(visitor.text == finished)
    }

    @Test("emitted events are delivered before a shutdown's farewell")
    func emitThenShutdown() throws {
        let visitor = try stage.subscribe(FakeProducer())
        #expect(stage.emit(visitor, "last") == .accepted)
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(visitor.text.withoutFarewell == frame("last"))
    }

    @Test("events that are emitted faster than they are sent arrive completely and in order")
    func flood() throws {
        let stage = stage
        let producer = FakeProducer(hasNext: false)
        let visitor = try stage.subscribe(producer, room: 1000)
        var expected = ""
        var next = 0
        for round in 0..<300 {
            for _ in 0...round % 17 where stage.emit(visitor, "\(next)") == .accepted {
                expected += frame("\(next)")
                next += 1
            }
            stage.turn(1)
            visitor.read(1 + round * 7 % 211)
        }
        visitor.read(1 << 24)
        stage.turn()
        #expect(visitor.text == expected)
        #expect(next > 1000)
    }
}
