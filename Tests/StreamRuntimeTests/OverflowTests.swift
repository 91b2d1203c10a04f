import EventStream
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("A full queue")
struct OverflowTests {
    private static let overflow = OverflowPolicy.fail(StreamFailure(message: "too fast", log: "it was full"))

    private static var limits: Limits {
        var limits = Limits()
        limits.handoffBytes = 100
        return limits
    }

    private func emit(_ stage: Stage, _ visitor: Visitor, _ number: Int, _ policy: OverflowPolicy) -> EmitOutcome {
        stage.runtime.emit(visitor.token, whenFull: policy) { frames in
            (try? EventEncoder().encode(Event(data: "\(number)"), into: &frames)) != nil
        }
    }

    /// Frames of the digits, each of 9 bytes, or 21 as chunks.
    private func frames(_ numbers: ClosedRange<Int>) -> String { numbers.map { frame("\($0)") }.joined() }

    @Test("drop-newest leaves the queue unchanged, and wakes nothing")
    func dropNewest() throws {
        let stage = Stage(Self.limits)
        let producer = FakeProducer([.wait(-1), .event("woken")])
        let visitor = try stage.subscribe(producer)
        for number in 1...5 { #expect(emit(stage, visitor, number, .dropNewest) == .accepted) }
        for number in 6...9 { #expect(emit(stage, visitor, number, .dropNewest) == .full) }
        stage.turn()
        #expect(visitor.text == frames(1...5))
        #expect(producer.only.stepsTaken == 1)
    }

    @Test("drop-oldest keeps the newest, complete, in order")
    func dropOldest() throws {
        let stage = Stage(Self.limits)
        let visitor = try stage.subscribe(FakeProducer())
        for number in 1...5 { #expect(emit(stage, visitor, number, .dropOldest) == .accepted) }
        // 105 bytes and 21 more: two of the oldest have to be dropped until at most 100 are left.
        #expect(emit(stage, visitor, 6, .dropOldest) == .displaced(2))
        #expect(emit(stage, visitor, 7, .dropOldest) == .accepted)
        #expect(emit(stage, visitor, 8, .dropOldest) == .displaced(2))
        stage.turn()
        #expect(visitor.text == frames(5...8))
    }

    @Test("an event that is larger than the queue displaces all others, and is sent")
    func longEvent() throws {
        let stage = Stage(Self.limits)
        let visitor = try stage.subscribe(FakeProducer())
        for number in 1...5 { #expect(emit(stage, visitor, number, .dropOldest) == .accepted) }
        let text = String(repeating: "x", count: 100)
        let outcome = stage.runtime.emit(visitor.token, whenFull: .dropOldest) { frames in
            (try? EventEncoder().encode(Event(data: text), into: &frames)) != nil
        }
        #expect(outcome == .displaced(5))
        stage.turn()
        #expect(visitor.text == frame(text))
    }

    @Test("fail ends the stream after the accepted events, and no more are accepted")
    func fail() throws {
        let stage = Stage(Self.limits)
        let producer = FakeProducer([.wait(-1)])
        let visitor = try stage.subscribe(producer)
        for number in 1...5 { #expect(emit(stage, visitor, number, Self.overflow) == .accepted) }
        #expect(emit(stage, visitor, 6, Self.overflow) == .full)
        #expect(emit(stage, visitor, 7, .dropOldest) == .over)
        stage.turn()
        #expect(visitor.text == frames(1...5) + "event: stream-error\ndata: too fast\n\n")
        #expect(producer.only.closeReasons == [.failed] && producer.violations == [])
        #expect(stage.log.lines.contains { $0.contains("it was full") && $0.contains("callback") })
    }

    @Test("fail ends a stream whose subscriber reads nothing at once; the accepted events are sent when it does")
    func failWhileBlocked() throws {
        let stage = Stage(Self.limits)
        let producer = FakeProducer([.wait(-1)])
        let visitor = try stage.subscribe(producer, room: 0)
        for number in 1...5 { #expect(emit(stage, visitor, number, Self.overflow) == .accepted) }
        #expect(emit(stage, visitor, 6, Self.overflow) == .full)
        stage.turn()
        #expect(producer.only.closeReasons == [.failed])
        visitor.read(1 << 20)
        stage.turn()
        #expect(visitor.text == frames(1...5) + "event: stream-error\ndata: too fast\n\n")
    }

    @Test("fail before there is a connection ends the stream with a proper response")
    func failBeforeAttach() throws {
        let stage = Stage(Self.limits)
        let producer = FakeProducer([.wait(-1)])
        let visitor = try stage.open(producer)
        stage.turn()
        for number in 1...6 { _ = emit(stage, visitor, number, Self.overflow) }
        stage.turn()
        visitor.attach()
        stage.turn()
        #expect(visitor.text == frames(1...5) + "event: stream-error\ndata: too fast\n\n")
        #expect(producer.only.closeReasons == [.failed] && producer.violations == [])
    }

    @Test("fail ends a stream whose thread is busy with something else: it is interrupted", .timeLimit(.minutes(2)))
    func failThreaded() async throws {
        let stage = ThreadStage(Self.limits)
        unowned let runtime = stage.runtime
        let producer = FakeProducer.blocking([
            .act { stream in
                while runtime.sleep(stream.token, milliseconds: 60_000) == true {}
                return .wait(milliseconds: -1)
            }
        ])
        let visitor = try await stage.subscribe(stage.entry(producer))
        #expect(await eventually { producer.only.stepsTaken == 1 })
        // Faster than any loop: a single frame is larger than the queue.
        let text = String(repeating: "x", count: 100)
        var outcome = EmitOutcome.accepted
        while outcome == .accepted {
            outcome = stage.runtime.emit(visitor.token, whenFull: Self.overflow) { frames in
                (try? EventEncoder().encode(Event(data: text), into: &frames)) != nil
            }
        }
        #expect(outcome == .full)
        #expect(await eventually { visitor.text().hasSuffix("event: stream-error\ndata: too fast\n\n") })
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [.failed] && producer.violations == [])
    }

    @Test("an overflow in the queue of a shared stream fails it for all of its subscribers")
    func failShared() throws {
        var limits = Limits()
        limits.handoffBytes = 70
        let stage = HubStage(limits)
        let producer = FakeProducer([.wait(-1)], isShared: true)
        let entry = stage.entry(producer)
        let visitors = try (0..<2).map { _ in try stage.join(entry) }
        let token = producer.only.token
        func emit(_ number: Int, _ policy: OverflowPolicy) -> EmitOutcome {
            stage.runtime.emit(token, whenFull: policy) { frames in
                (try? EventEncoder().encode(Event(data: "\(number)", id: "\(number)"), into: &frames)) != nil
            }
        }
        // 27 bytes each; the marks must match what is left.
        for number in 1...3 { #expect(emit(number, .dropOldest) == .accepted) }
        #expect(emit(4, .dropOldest) == .displaced(2))
        #expect(emit(5, .dropOldest) == .accepted)
        stage.turn()
        for number in 6...8 { #expect(emit(number, Self.overflow) == .accepted) }
        #expect(emit(9, Self.overflow) == .full)
        #expect(emit(10, .dropOldest) == .over)
        stage.turn()
        let events = (3...8).map { "id: \($0)\ndata: \($0)\n\n" }.joined()
        for visitor in visitors { #expect(visitor.text == events + "event: stream-error\ndata: too fast\n\n") }
        #expect(producer.only.closeReasons == [.failed])
    }
}
