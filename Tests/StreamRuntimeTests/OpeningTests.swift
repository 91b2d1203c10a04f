import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Opening")
struct OpeningTests {
    let stage = Stage()

    @Test("a stream opens, is given its connection, and begins with head and preamble")
    func begins() throws {
        let producer = FakeProducer(
            [.event("a"), .event("b")], opening: { _ in .opened(headers: [.init("X-A", "1")]) })
        let visitor = try stage.open(producer)
        #expect(producer.streams.isEmpty, "open runs on the loop, not on the thread that asks")
        stage.turn()
        #expect(visitor.door.answers == ["stream X-A=1"])
        #expect(producer.only.calls == ["open"], "nothing is pulled before there is a connection")
        visitor.attach(head: "HTTP/1.1 200 OK\r\n\r\n")
        stage.turn()
        let sent = String(decoding: visitor.socket.sent, as: UTF8.self)
        #expect(sent.hasPrefix("HTTP/1.1 200 OK\r\n\r\nretry: "))
        #expect(sent.hasSuffix(": sluice\n" + frame("a") + frame("b")))
        #expect(stage.runtime.figures().streams.open == 1)
    }

    @Test(
        "a refused open is answered, holds nothing, and is never closed",
        arguments: [
            (OpenOutcome.ended(), "ended"), (.rejected(status: 404, message: "gone"), "rejected 404 gone"),
            (.ended(headers: [.init("A", "b")]), "ended A=b"),
            (.rejected(status: 429, message: "slow down", headers: [.init("A", "b")]), "rejected 429 slow down A=b"),
            (.failed(log: "broke a rule"), "failed"),
        ])
    func refused(_ outcome: OpenOutcome, _ answer: String) throws {
        let producer = FakeProducer(opening: { _ in outcome })
        let visitor = try stage.open(producer)
        stage.turn()
        #expect(visitor.door.answers == [answer])
        #expect(producer.only.calls == ["open"])
        #expect(stage.isIdle)
        #expect(!stage.runtime.isLive(visitor.token))
        if answer == "failed" { #expect(stage.log.contains("broke a rule")) }
    }

    @Test("a peer that leaves before open runs leaves nothing opened")
    func leavesBefore() throws {
        let producer = FakeProducer()
        let visitor = try stage.open(producer)
        visitor.leave()
        stage.turn()
        // Producers are called at the end of a turn, and by then it was gone.
        #expect(producer.streams.isEmpty)
        #expect(stage.isIdle)
    }

    @Test("a peer that leaves between open and attach has its stream closed at once")
    func leavesBetween() throws {
        let producer = FakeProducer([.event("a")])
        let visitor = try stage.open(producer)
        stage.turn()
        visitor.leave()
        stage.turn(1)
        #expect(producer.only.calls == ["open", "close disconnected"])
        #expect(stage.isIdle)
        // A connection that comes after all is closed, not leaked.
        visitor.attach()
        stage.turn()
        #expect(visitor.socket.isClosed)
    }

    @Test("an open that is pending for long is reported, once; and so is one that was told to hurry since")
    func unanswered() throws {
        let producer = FakeProducer(opening: { _ in .pending })
        let visitor = try stage.open(producer)
        stage.pass(milliseconds: 4_900)
        #expect(!stage.log.contains("has not answered"))
        stage.pass(milliseconds: 20_000)
        #expect(stage.log.lines.count { $0.contains("is waiting for its open, which has not answered") } == 1)
        #expect(stage.runtime.figures().streams.stuck == 0, "as long as the peer waits it may take its time")
        visitor.leave()
        stage.pass(milliseconds: 20_000)
        #expect(stage.runtime.figures().streams.stuck == 1)
        #expect(stage.log.lines.count { $0.contains("stream should have ended") } == 1)
        #expect(stage.runtime.opened(visitor.token, .opened(headers: [])))
        stage.turn()
        #expect(stage.isIdle && stage.runtime.figures().streams.stuck == 0)
    }

    @Test("a pending open is answered later, with its wake and emits before it kept")
    func pending() throws {
        let producer = FakeProducer([.event("pulled")], opening: { _ in .pending })
        let visitor = try stage.open(producer)
        stage.turn()
        #expect(visitor.door.answers.isEmpty)
        #expect(stage.runtime.wake(visitor.token))
        #expect(stage.emit(visitor, "emitted") == .accepted)
        stage.turn()
        #expect(stage.runtime.opened(visitor.token, .opened(headers: [])))
        #expect(!stage.runtime.opened(visitor.token, .opened(headers: [])), "an open is answered once")
        stage.turn()
        #expect(visitor.door.answers == ["stream"])
        visitor.attach()
        stage.turn()
        #expect(visitor.text == frame("emitted") + frame("pulled"))
    }

    @Test("a pending open may be answered from inside open")
    func answeredInside() throws {
        let stage = stage
        unowned let runtime = stage.runtime
        let producer = FakeProducer(
            [.event("a")],
            opening: { stream in
                _ = runtime.opened(stream.token, .opened(headers: []))
                return .pending
            })
        let visitor = try stage.subscribe(producer)
        #expect(visitor.text == frame("a"))
        #expect(producer.violations == [])
    }

    @Test("a peer that leaves while an open is pending: interrupted, and closed once the open succeeds")
    func leavesWhilePending() throws {
        let producer = FakeProducer(opening: { _ in .pending })
        let visitor = try stage.open(producer)
        stage.turn()
        visitor.leave()
        stage.turn()
        #expect(producer.only.interrupts == 1)
        #expect(stage.runtime.isCancelled(visitor.token))
        #expect(producer.only.calls == ["open"])
        _ = stage.runtime.opened(visitor.token, .opened(headers: []))
        stage.turn()
        #expect(producer.only.calls == ["open", "close disconnected"])
        #expect(visitor.door.answers == [])
        #expect(stage.isIdle)
    }

    @Test("a peer that leaves while an open is pending that then fails: nothing to close")
    func leavesWhilePendingThenRefused() throws {
        let producer = FakeProducer(opening: { _ in .pending })
        let visitor = try stage.open(producer)
        stage.turn()
        visitor.leave()
        _ = stage.runtime.opened(visitor.token, .ended())
        stage.turn()
        #expect(producer.only.calls == ["open"])
        #expect(producer.only.interrupts == 0, "what was answered is not interrupted")
        #expect(stage.isIdle)
    }

    @Test("the first reason that a pending open is given is the one it is closed with")
    func firstReason() throws {
        let producer = FakeProducer(opening: { _ in .pending })
        let visitor = try stage.open(producer)
        stage.turn()
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        visitor.leave()
        stage.turn()
        _ = stage.runtime.opened(visitor.token, .opened(headers: []))
        stage.turn()
        #expect(producer.only.calls == ["open", "close shutdown"])
        #expect(stage.isIdle)
    }

    @Test("a connection that the system cannot watch is dropped, and the stream closed")
    func cannotWatch() throws {
        let producer = FakeProducer([.event("a")])
        let visitor = try stage.open(producer)
        stage.turn()
        stage.system.failuresToAdd = 1
        visitor.attach()
        stage.turn()
        #expect(producer.only.calls == ["open", "close disconnected"])
        #expect(visitor.socket.isClosed)
        #expect(stage.isIdle)
        #expect(stage.log.contains("error: the system cannot watch another connection"))
    }
}
