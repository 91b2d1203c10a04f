import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Ends from outside")
struct ShutdownTests {
    let stage = Stage()

    @Test(
        "a connected stream: the produced events, a farewell, a half-close",
        arguments: [CloseReason.reloaded, .removed, .shutdown])
    func connected(_ reason: CloseReason) throws {
        let generation = Generation(plugin: "fakes", number: 1)
        let producer = FakeProducer([.event("a", wait: -1), .event("b")])
        let visitor = try stage.subscribe(stage.entry(producer, generation))
        stage.runtime.end(generation, reason)
        stage.turn()
        #expect(visitor.text.withoutFarewell == frame("a"))
        #expect(producer.only.calls == ["open", "pull", "close \(reason.name)"])
        #expect(visitor.socket.isShutDown)
        visitor.hangUp()
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("only the streams of the generation that ends are ended")
    func otherGenerations() throws {
        let (old, new) = (Generation(plugin: "fakes", number: 1), Generation(plugin: "fakes", number: 2))
        let producers = [FakeProducer(), FakeProducer()]
        for (producer, generation) in zip(producers, [old, new]) {
            let visitor = try stage.open(stage.entry(producer, generation))
            stage.turn()
            visitor.attach()
        }
        stage.turn()
        stage.runtime.end(old, .reloaded)
        stage.turn()
        #expect(producers.map(\.only.closeReasons) == [[.reloaded], []])
    }

    @Test("a request that is posted but not opened yet is refused, and nothing is opened")
    func beforeOpen() throws {
        let producer = FakeProducer()
        stage.runtime.end(nil, .shutdown)
        let visitor = try stage.open(producer)
        stage.turn()
        #expect(producer.streams.isEmpty)
        #expect(visitor.door.answers == ["unavailable"])
        #expect(stage.isIdle)
    }

    @Test("a pending open: told to hurry; when it succeeds, it is closed, and the subscriber gets a farewell")
    func pending() throws {
        let producer = FakeProducer(opening: { _ in .pending })
        let visitor = try stage.open(producer)
        stage.turn()
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(producer.only.interrupts == 1)
        _ = stage.runtime.opened(visitor.token, .opened(headers: []))
        stage.turn()
        #expect(producer.only.calls == ["open", "close shutdown"])
        #expect(visitor.door.answers == ["stream"])
        visitor.attach(head: "")
        stage.turn()
        #expect(visitor.text.withoutFarewell == "")
        #expect(visitor.socket.isShutDown)
        stage.pass(milliseconds: 2100)
        #expect(stage.isIdle && visitor.socket.isClosed)
    }

    @Test("an opened stream without its connection: closed now, the farewell follows", arguments: [true, false])
    func opened(_ attaches: Bool) throws {
        let producer = FakeProducer([.event("a")])
        let visitor = try stage.open(producer)
        stage.turn()
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(producer.only.calls == ["open", "close shutdown"])
        #expect(stage.runtime.figures().streams.open == 0)
        if attaches {
            visitor.attach()
            stage.turn()
            #expect(visitor.text.withoutFarewell == "")
            visitor.hangUp()
        } else {
            visitor.leave()
        }
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("events emitted before there is a connection are kept for it", arguments: [true, false])
    func emittedBefore(_ isPending: Bool) throws {
        let producer = FakeProducer(opening: { _ in isPending ? .pending : .opened(headers: []) })
        let visitor = try stage.open(producer)
        stage.turn()
        #expect(stage.emit(visitor, "early") == .accepted)
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(stage.emit(visitor, "late") == .over)
        if isPending { _ = stage.runtime.opened(visitor.token, .opened(headers: [])) }
        stage.pass(milliseconds: 60_000)
        visitor.attach()
        stage.turn()
        #expect(visitor.text.withoutFarewell == frame("early"))
        #expect(producer.only.closeReasons == [.shutdown])
        visitor.hangUp()
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("waiting bytes are sent first; the farewell follows them")
    func pendingBytes() throws {
        let producer = FakeProducer([.event("a", wait: -1)])
        let visitor = try stage.subscribe(producer, room: 40)
        let text = String(repeating: "x", count: 100)
        #expect(stage.emit(visitor, text) == .accepted)
        stage.turn()
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(producer.only.closeReasons == [.shutdown])
        #expect(!visitor.socket.isShutDown)
        visitor.read(1000)
        stage.turn()
        #expect(visitor.text.withoutFarewell == frame("a") + frame(text))
        #expect(visitor.socket.isShutDown)
    }

    @Test("a stream that has already ended is left alone")
    func lingering() throws {
        let producer = FakeProducer([.end])
        let visitor = try stage.subscribe(producer)
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(producer.only.closeReasons == [.completed])
        #expect(visitor.text == finished)
    }

    @Test("dropping all connections leaves none, whatever they were doing")
    func dropAll() throws {
        let producers = [
            FakeProducer(), FakeProducer([.end]), FakeProducer([.event("a").repeated()]),
            FakeProducer([.end], closing: { _, _ in false }),
        ]
        let visitors = try producers.map { try stage.subscribe($0, room: 1000) }
        let waiting = try stage.open(producers[0])
        stage.turn()
        stage.runtime.dropConnections()
        stage.turn()
        #expect(stage.openSockets == 0)
        #expect(producers.map { $0.streams[0].closeReasons } == [[.shutdown], [.completed], [.shutdown], [.completed]])
        #expect(stage.runtime.closed(visitors[3].token))
        waiting.leave()
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("a farewell's reconnection time is the configured one, plus or minus a quarter")
    func retry() throws {
        for _ in 0..<50 {
            let visitor = try stage.subscribe(FakeProducer())
            stage.runtime.end(nil, .expired)
            stage.turn()
            let text = visitor.text
            let number = Int(text.dropFirst("retry: ".count).dropLast(1))
            #expect(number.map { (1500...2500).contains($0) } == true, "\(text)")
            stage.streams.endOfAll = nil
        }
    }

    @Test("a hub's subscriber that reads nothing is dropped at the write deadline that applies while the server stops")
    func stuckMember() throws {
        let stage = HubStage(loops: 2)
        let entry = stage.entry(FakeProducer(isShared: true))
        let stuck = try stage.join(entry, room: 60)
        for _ in 0..<100 { stage.emit(entry, data: "0123456789") }
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        var limits = Limits()
        limits.writeDeadline = 1_000_000_000
        stage.runtime.replaceLimits(limits)
        stage.pass(milliseconds: 1_100)
        #expect(stuck.socket.isClosed && entry.leavesByReason == [.shutdown: 1])
    }
}
