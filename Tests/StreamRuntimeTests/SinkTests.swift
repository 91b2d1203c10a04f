import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Sinks")
struct SinkTests {
    let stage = Stage()
    let sink = FakeSink()

    func subscribe(_ producer: FakeProducer) throws -> Visitor {
        let visitor = try stage.open(producer)
        stage.turn()
        stage.runtime.attach(visitor.token, to: .sink(sink), form: .reconnects)
        stage.turn()
        return visitor
    }

    func drain(_ visitor: Visitor) {
        stage.runtime.sinksDrained([visitor.token])
        stage.turn()
    }

    @Test("one batch at a time: the next follows when the sink has sent the last")
    func batches() throws {
        let producer = FakeProducer([.event("a"), .event("b"), .wait(-1), .event("c"), .end])
        let visitor = try subscribe(producer)
        #expect(sink.text.withoutPreamble == "" && sink.batches.count == 1)
        #expect(producer.only.calls == ["open"], "not pulled while the sink is busy")
        drain(visitor)
        #expect(sink.text.withoutPreamble == frame("a") + frame("b") && sink.batches.count == 2)
        stage.runtime.wake(visitor.token)
        stage.turn()
        #expect(sink.batches.count == 2)
        drain(visitor)
        #expect(sink.text.withoutPreamble == frame("a") + frame("b") + frame("c") + finished && sink.batches.count == 3)
        #expect(producer.only.closeReasons == [.completed])
        #expect(sink.ends == [], "not finished before everything was sent")
        drain(visitor)
        #expect(sink.ends == ["finish"])
        #expect(stage.isIdle)
    }

    @Test("a drained report without a batch has no effect")
    func drainedTwice() throws {
        let producer = FakeProducer([.event("a", wait: -1), .event("b")])
        let visitor = try subscribe(producer)
        for _ in 0..<5 { drain(visitor) }
        #expect(sink.text.withoutPreamble == frame("a"))
    }

    @Test("a shutdown while the sink is busy: the rest and the farewell follow, then the end")
    func shutdownWhileBusy() throws {
        let producer = FakeProducer([.event("a")])
        let visitor = try subscribe(producer)
        #expect(stage.emit(visitor, "emitted") == .accepted)
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(producer.only.closeReasons == [.shutdown])
        #expect(sink.batches.count == 1)
        drain(visitor)
        #expect(sink.text.withoutPreamble.withoutFarewell == frame("emitted"))
        #expect(sink.ends == [])
        drain(visitor)
        #expect(sink.ends == ["finish"] && stage.isIdle)
    }

    @Test("a connection that is gone closes the stream; the sink is not called again", arguments: [true, false])
    func closed(_ isBusy: Bool) throws {
        let producer = FakeProducer([.event("a", wait: -1)])
        let visitor = try subscribe(producer)
        if !isBusy {
            drain(visitor)
            drain(visitor)
        }
        stage.runtime.sinkClosed(visitor.token)
        stage.turn()
        #expect(producer.only.closeReasons == [.disconnected])
        #expect(sink.ends == [] && stage.isIdle)
    }

    @Test("a connection that is gone while the end is on its way")
    func closedWhileEnding() throws {
        let producer = FakeProducer([.end])
        let visitor = try subscribe(producer)
        drain(visitor)
        #expect(producer.only.closeReasons == [.completed])
        stage.runtime.sinkClosed(visitor.token)
        stage.turn()
        #expect(sink.ends == [] && stage.isIdle)
    }

    @Test("a sink that stays busy for the write deadline is slow, and dropped")
    func slow() throws {
        let producer = FakeProducer([.event("a").repeated()])
        let visitor = try subscribe(producer)
        drain(visitor)
        stage.pass(milliseconds: 30_010)
        #expect(producer.only.closeReasons == [.slow])
        #expect(sink.ends == ["abort"] && stage.isIdle)
    }

    @Test("a keep-alive is one batch")
    func keepAlive() throws {
        let visitor = try subscribe(FakeProducer())
        drain(visitor)
        stage.pass(milliseconds: 15_010)
        #expect(sink.text.withoutPreamble == ":\n" && sink.batches.count == 2)
    }

    @Test("a sink for a stream that has ended already is aborted; for one that ended meanwhile, it gets a farewell")
    func attachedLate() throws {
        let over = try stage.open(FakeProducer())
        over.leave()
        stage.turn()
        stage.runtime.attach(over.token, to: .sink(sink), form: .reconnects)
        stage.turn()
        #expect(sink.ends == ["abort"] && sink.batches == [])

        let ended = try stage.open(FakeProducer())
        stage.turn()
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        let second = FakeSink()
        stage.runtime.attach(ended.token, to: .sink(second), form: .reconnects)
        stage.turn()
        #expect(second.text.withoutPreamble.withoutFarewell == "")
        stage.runtime.sinksDrained([ended.token])
        stage.turn()
        #expect(second.ends == ["finish"] && stage.isIdle)
    }
}
