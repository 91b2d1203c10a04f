import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Slow subscribers")
struct SlowSubscriberTests {
    let stage = Stage()

    @Test("bytes arrive completely and in order wherever a write is split")
    func everyBoundary() throws {
        let expected = frame("first") + frame("second") + finished
        for room in 0..<120 {
            let producer = FakeProducer([.event("first"), .wait(-1), .event("second"), .end])
            let visitor = try stage.subscribe(producer, room: room, head: "H")
            for _ in 0..<4 {
                visitor.read(7)
                stage.turn(1)
                stage.runtime.wake(visitor.token)
            }
            visitor.read(1 << 20)
            stage.turn()
            stage.runtime.wake(visitor.token)
            stage.turn()
            let sent = String(decoding: visitor.socket.sent, as: UTF8.self)
            #expect(
                sent.hasPrefix("Hretry: ") && sent.dropFirst().description.withoutPreamble == expected, "room \(room)")
            #expect(producer.only.calls == ["open", "pull", "close completed"])
        }
    }

    @Test("one byte at a time: nothing is lost, and next is not called while the socket is full")
    func byteByByte() throws {
        let producer = FakeProducer([.event("0123456789").repeated(5), .end])
        let visitor = try stage.subscribe(producer, room: 0)
        var turns = 0
        while !visitor.socket.isShutDown, turns < 1000 {
            visitor.read(1)
            stage.turn(1)
            turns += 1
        }
        #expect(visitor.text == String(repeating: frame("0123456789"), count: 5) + finished)
        #expect(turns == visitor.socket.sent.count, "each byte was sent as soon as there was room for it")
    }

    @Test("a peer that answers but takes nothing is slow, at the write deadline and not earlier")
    func slow() throws {
        let producer = FakeProducer([.event("a").repeated()])
        let visitor = try stage.subscribe(producer, room: 1000)
        stage.system.setSilence(visitor.descriptor, milliseconds: 5000)
        stage.pass(milliseconds: 29_990)
        #expect(producer.only.closeReasons == [])
        stage.pass(milliseconds: 20)
        #expect(producer.only.closeReasons == [.slow])
        #expect(visitor.socket.isClosed && stage.isIdle)
        #expect(stage.log.contains("info: subscriber reads too slowly"))
    }

    @Test("a peer that was not heard of is not slow but gone")
    func vanished() throws {
        let producer = FakeProducer([.event("a").repeated()])
        let visitor = try stage.subscribe(producer, room: 1000)
        stage.system.setSilence(visitor.descriptor, milliseconds: 29_000)
        stage.pass(milliseconds: 30_010)
        #expect(producer.only.closeReasons == [.disconnected])
        #expect(stage.log.contains("info: subscriber vanished"))
    }

    @Test("any bytes that a slow peer takes restart its deadline")
    func progress() throws {
        let producer = FakeProducer([.event("a").repeated()])
        let visitor = try stage.subscribe(producer, room: 1000)
        for _ in 0..<5 {
            stage.pass(milliseconds: 29_000)
            visitor.read(1)
            stage.turn()
            #expect(producer.only.closeReasons == [])
        }
        stage.pass(milliseconds: 30_010)
        #expect(producer.only.closeReasons == [.slow])
    }

    @Test("the write deadline begins when bytes begin to wait, however long the stream was silent")
    func deadlineBegins() throws {
        var limits = Limits()
        limits.keepAlive = 3_600_000_000_000
        let stage = Stage(limits)
        let producer = FakeProducer([.wait(-1), .event("a")])
        let visitor = try stage.subscribe(producer, room: 1000)
        visitor.fillUp()
        stage.pass(milliseconds: 600_000)
        stage.runtime.wake(visitor.token)
        stage.pass(milliseconds: 29_900)
        #expect(producer.only.closeReasons == [])
        stage.pass(milliseconds: 200)
        #expect(producer.only.closeReasons == [.slow])
    }

    @Test(
        "a peer that takes what the kernel holds is not slow, even without room yet; once it takes nothing, it is"
    )
    func trickle() throws {
        let producer = FakeProducer([.event("a").repeated()])
        let visitor = try stage.subscribe(producer, room: 1000)
        for _ in 0..<8 {
            stage.pass(milliseconds: 20_000)
            stage.system.trickle(visitor.descriptor)
        }
        stage.pass(milliseconds: 29_990)
        #expect(producer.only.closeReasons == [])
        stage.pass(milliseconds: 20)
        #expect(producer.only.closeReasons == [.slow])
        #expect(visitor.socket.isClosed && stage.isIdle)
    }

    @Test("a keep-alive that stays unsent detects a peer that has vanished")
    func keepAliveFinds() throws {
        let producer = FakeProducer()
        let visitor = try stage.subscribe(producer, room: 1000)
        visitor.fillUp()
        stage.system.setSilence(visitor.descriptor, milliseconds: 60_000)
        stage.pass(milliseconds: 45_010)
        #expect(producer.only.closeReasons == [.disconnected])
        #expect(stage.isIdle)
    }

    @Test("a system timeout means slow if the peer still answers, gone otherwise", arguments: [100, 60_000])
    func systemTimeOut(_ silence: Int64) throws {
        let producer = FakeProducer([.event("a").repeated()])
        let visitor = try stage.subscribe(producer, room: 1000)
        stage.system.setSilence(visitor.descriptor, milliseconds: silence)
        visitor.hangUp(timedOut: true)
        stage.turn()
        #expect(producer.only.closeReasons == [silence < 1000 ? .slow : .disconnected])
    }

    @Test("the rest of a stream that has ended is dropped at the write deadline; it counts as completed")
    func endNeverRead() throws {
        let producer = FakeProducer([.wait(-1), .event("a"), .end])
        let visitor = try stage.subscribe(producer, room: 100)
        visitor.fillUp()
        stage.runtime.wake(visitor.token)
        stage.turn()
        #expect(producer.only.closeReasons == [.completed])
        stage.pass(milliseconds: 30_010)
        #expect(visitor.socket.isClosed && stage.isIdle)
    }
}

extension Visitor {
    /// Makes the socket full.
    func fillUp() { stage.system.makeRoom(descriptor, -socket.room) }
}
