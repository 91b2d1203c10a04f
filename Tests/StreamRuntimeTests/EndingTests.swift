import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Ends of a stream")
struct EndingTests {
    let stage = Stage()

    @Test("END: all events, the marker last, closed before the peer is gone, and a half-close")
    func completes() throws {
        let producer = FakeProducer([.event("a"), .event("b"), .end])
        let visitor = try stage.subscribe(producer)
        #expect(visitor.text == frame("a") + frame("b") + finished)
        #expect(producer.only.calls == ["open", "pull", "close completed"])
        #expect(visitor.socket.isShutDown && !visitor.socket.isClosed)
        #expect(stage.runtime.figures().streams.open == 0 && stage.runtime.rowsInUse == 1)
        visitor.hangUp()
        stage.turn()
        #expect(visitor.socket.isClosed && stage.isIdle)
    }

    @Test("a peer that does not close after the end is dropped after a moment")
    func lingers() throws {
        let visitor = try stage.subscribe(FakeProducer([.end]))
        stage.pass(milliseconds: 1900)
        #expect(!visitor.socket.isClosed)
        stage.pass(milliseconds: 200)
        #expect(visitor.socket.isClosed && stage.isIdle)
    }

    @Test("ERROR: all events, then stream-error with what the producer said")
    func fails() throws {
        let producer = FakeProducer([.event("a"), .fail("no more tea")])
        let visitor = try stage.subscribe(producer)
        #expect(visitor.text == frame("a") + "event: stream-error\ndata: no more tea\n\n")
        #expect(producer.only.calls == ["open", "pull", "close failed"])
        #expect(visitor.socket.isShutDown)
        #expect(stage.log.contains("error: stream failed"))
    }

    @Test("a broken contract: all events, then an opaque code; the log names the rule and the code")
    func brokenContract() throws {
        let producer = FakeProducer([.event("a"), .fail(nil)])
        let visitor = try stage.subscribe(producer)
        let code = "sluice-\(visitor.token)"
        #expect(visitor.text == frame("a") + "event: stream-error\ndata: \(code)\n\n")
        #expect(producer.only.closeReasons == [.failed])
        #expect(stage.log.lines.contains { $0.contains("broke rule 7") && $0.contains("code=\(visitor.token)") })
    }

    @Test("a stream that ends while its socket is full delivers everything once there is room")
    func endsWhileFull() throws {
        let producer = FakeProducer([.event("a"), .event("b"), .end])
        let visitor = try stage.subscribe(producer, room: 3)
        #expect(producer.only.calls == ["open"], "not pulled while the socket is full")
        for _ in 0..<200 {
            visitor.read(1)
            stage.turn(1)
        }
        #expect(visitor.text == frame("a") + frame("b") + finished)
        #expect(visitor.socket.isShutDown)
        #expect(producer.only.calls == ["open", "pull", "close completed"])
    }

    @Test("a peer that hangs up during a wait: closed within one turn")
    func leavesDuringWait() throws {
        let producer = FakeProducer([.event("a", wait: 60_000), .event("b")])
        let visitor = try stage.subscribe(producer)
        visitor.hangUp()
        stage.turn(1)
        #expect(producer.only.calls == ["open", "pull", "close disconnected"])
        #expect(visitor.socket.isClosed && stage.isIdle)
    }

    @Test("a peer that hangs up while bytes wait for it")
    func leavesDuringWrite() throws {
        let producer = FakeProducer([.event("a").repeated()])
        let visitor = try stage.subscribe(producer, room: 5000)
        visitor.hangUp()
        stage.turn(1)
        #expect(producer.only.closeReasons == [.disconnected])
        #expect(visitor.socket.isClosed && stage.isIdle)
    }

    @Test("a connection that turns out to be broken when something is sent")
    func brokenSend() throws {
        let producer = FakeProducer([.wait(-1), .event("a"), .event("b")])
        let visitor = try stage.subscribe(producer)
        stage.system.breakSilently(visitor.descriptor)
        stage.runtime.wake(visitor.token)
        stage.turn(1)
        #expect(producer.only.calls == ["open", "pull", "close disconnected"])
        #expect(visitor.socket.isClosed && stage.isIdle)
    }

    @Test("a connection that breaks when the end is sent: completed all the same")
    func brokenAtEnd() throws {
        let producer = FakeProducer([.wait(-1), .end])
        let visitor = try stage.subscribe(producer)
        stage.system.breakSilently(visitor.descriptor)
        stage.runtime.wake(visitor.token)
        stage.turn()
        #expect(producer.only.closeReasons == [.completed])
        #expect(visitor.socket.isClosed && stage.isIdle)
    }

    @Test("a peer that hangs up while the rest is flushed")
    func leavesDuringFlush() throws {
        let producer = FakeProducer([.wait(-1), .event(String(repeating: "x", count: 1000)), .end])
        let visitor = try stage.subscribe(producer, room: 500)
        stage.runtime.wake(visitor.token)
        stage.turn()
        #expect(producer.only.closeReasons == [.completed])
        #expect(!visitor.socket.isShutDown, "the rest waits")
        visitor.hangUp()
        stage.turn()
        #expect(visitor.socket.isClosed && stage.isIdle)
        #expect(producer.only.closeReasons == [.completed])
    }

    @Test("a peer that keeps sending after its request is dropped just below 64 KiB, not before")
    func hostileInput() throws {
        let producer = FakeProducer()
        let visitor = try stage.subscribe(producer)
        stage.system.receive(visitor.descriptor, bytes: 65_534)
        stage.turn()
        #expect(producer.only.closeReasons == [])
        #expect(visitor.socket.input == 0, "what comes is dropped")
        stage.system.receive(visitor.descriptor, bytes: 1)
        stage.turn()
        #expect(producer.only.closeReasons == [.disconnected])
        #expect(visitor.socket.isClosed && stage.isIdle)
        #expect(stage.log.contains("warning: subscriber keeps sending"))
    }

    @Test("a stream that reaches its maximum age ends with a reconnection time", arguments: [true, false])
    func expires(_ isConnected: Bool) throws {
        var limits = Limits()
        limits.maxAge = 60_000_000_000
        let stage = Stage(limits)
        let producer = FakeProducer([.event("a", wait: 1000).repeated()])
        let visitor = try stage.open(producer)
        stage.turn()
        if isConnected { visitor.attach() }
        stage.pass(milliseconds: 59_990)
        #expect(producer.only.closeReasons == [])
        stage.pass(milliseconds: 20)
        #expect(producer.only.closeReasons == [.expired])
        if !isConnected { visitor.attach() }
        stage.turn()
        #expect(visitor.text.withoutFarewell == String(repeating: frame("a"), count: isConnected ? 60 : 0))
        #expect(visitor.socket.isShutDown)
        visitor.hangUp()
        stage.turn()
        #expect(stage.isIdle)
    }
}
