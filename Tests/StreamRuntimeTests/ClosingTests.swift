import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Closes that take time")
struct ClosingTests {
    let stage = Stage()

    @Test("a close that is completed later keeps its stream and its place until then")
    func later() throws {
        let generation = Generation(plugin: "fakes", number: 1)
        let producer = FakeProducer([.end], closing: { _, _ in false })
        let entry = stage.entry(producer, generation)
        let visitor = try stage.subscribe(entry)
        visitor.hangUp()
        stage.turn()
        #expect(stage.runtime.figures().streams.open == 1 && generation.liveStreams == 1)
        #expect(entry.ledger.opens == 1 && entry.ledger.closes == 0)
        #expect(visitor.socket.isClosed, "the connection does not wait for it")
        #expect(stage.runtime.isLive(visitor.token))
        #expect(stage.runtime.closed(visitor.token))
        #expect(!stage.runtime.closed(visitor.token), "once")
        stage.turn()
        #expect(stage.isIdle && generation.liveStreams == 0)
        #expect(entry.ledger.closes == 1 && entry.ledger.reasons == [.completed: 1])
        #expect(!stage.runtime.closed(visitor.token), "the token is stale")
    }

    @Test("closed can be called before close has returned")
    func early() throws {
        unowned let runtime = stage.runtime
        let producer = FakeProducer(
            [.end],
            closing: { stream, _ in
                if !runtime.closed(stream.token) { stream.violate("closed was refused") }
                return false
            })
        let visitor = try stage.subscribe(producer)
        visitor.hangUp()
        stage.turn()
        #expect(producer.violations == [])
        #expect(stage.isIdle)
    }

    @Test("closed before any close has no effect")
    func tooEarly() throws {
        let producer = FakeProducer([.event("a", wait: -1)], closing: { _, _ in false })
        let visitor = try stage.subscribe(producer)
        #expect(!stage.runtime.closed(visitor.token))
        visitor.hangUp()
        stage.turn()
        #expect(stage.runtime.figures().streams.open == 1)
    }

    @Test("closed before a close that is due has no effect: the close is called, and awaited")
    func beforeItsClose() throws {
        let producer = FakeProducer([.event("a", wait: -1)], closing: { _, _ in false })
        let visitor = try stage.subscribe(producer)
        Connection(stage.runtime.loops[0], visitor.token.slot).disconnect(.disconnected)
        #expect(producer.only.closeReasons == [])
        #expect(!stage.runtime.closed(visitor.token))
        stage.turn()
        #expect(producer.only.closeReasons == [.disconnected] && stage.runtime.figures().streams.open == 1)
        #expect(stage.runtime.closed(visitor.token))
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("a close that never completes is reported once, and again if it does after all")
    func stuck() throws {
        let producer = FakeProducer([.end], closing: { _, _ in false })
        let visitor = try stage.subscribe(producer)
        visitor.hangUp()
        stage.pass(milliseconds: 4990)
        #expect(stage.runtime.figures().streams.stuck == 0)
        stage.pass(milliseconds: 60_000)
        #expect(stage.runtime.figures().streams.stuck == 1)
        #expect(stage.log.lines.count { $0.contains("warning: stream should have ended") } == 1)
        #expect(stage.runtime.rowsInUse == 1)
        _ = stage.runtime.closed(visitor.token)
        stage.turn()
        #expect(stage.runtime.figures().streams.stuck == 0 && stage.isIdle)
    }

    @Test(
        "a pending open that is no longer wanted, and never answers, is reported", arguments: [true, false])
    func openStuck(_ succeeds: Bool) throws {
        let producer = FakeProducer(opening: { _ in .pending })
        let visitor = try stage.open(producer)
        stage.pass(milliseconds: 60_000)
        #expect(stage.runtime.figures().streams.stuck == 0, "as long as the peer waits it may take its time")
        visitor.leave()
        stage.pass(milliseconds: 4990)
        #expect(stage.runtime.figures().streams.stuck == 0)
        stage.pass(milliseconds: 60_000)
        #expect(stage.runtime.figures().streams.stuck == 1)
        #expect(stage.log.lines.count { $0.contains("warning: stream should have ended") } == 1)
        #expect(stage.runtime.opened(visitor.token, succeeds ? .opened(headers: []) : .ended()))
        stage.turn()
        #expect(stage.runtime.figures().streams.stuck == 0 && stage.isIdle)
        #expect(producer.only.closeReasons == (succeeds ? [.disconnected] : []))
    }

    @Test("the subscriber of a stream that closes slowly still gets its end")
    func subscriberGetsItsEnd() throws {
        let producer = FakeProducer([.event("a"), .end], closing: { _, _ in false })
        let visitor = try stage.subscribe(producer)
        #expect(visitor.text == frame("a") + finished)
        stage.pass(milliseconds: 2100)
        #expect(visitor.socket.isClosed)
        #expect(stage.runtime.rowsInUse == 1)
        _ = stage.runtime.closed(visitor.token)
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("a reused slot does not react to its old token")
    func staleAfterReuse() throws {
        let first = try stage.subscribe(FakeProducer([.end]))
        first.hangUp()
        stage.turn()
        let producer = FakeProducer([.wait(-1), .event("a")])
        let second = try stage.subscribe(producer)
        #expect(second.token.slot == first.token.slot && second.token != first.token)
        #expect(!stage.runtime.wake(first.token))
        stage.runtime.leave(first.token)
        let strange = stage.system.makeSocket()
        stage.runtime.attach(first.token, to: .descriptor(strange), form: .reconnects)
        stage.turn()
        #expect(stage.system.sockets[strange]!.isClosed)
        #expect(producer.only.closeReasons == [] && producer.only.stepsTaken == 1)
    }
}
