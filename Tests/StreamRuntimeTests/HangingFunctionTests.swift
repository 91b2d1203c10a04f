import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

/// A scheduled function that never returns, or ends its thread, while its stream begins or ends.
@Suite("Scheduled functions that hang, or end their thread")
struct HangingFunctionTests {
    private let stage: ThreadStage

    init() {
        var limits = Limits()
        limits.callDeadline = 100_000_000
        limits.keepAlive = 1_000_000_000_000
        stage = ThreadStage(limits)
    }

    /// Its subscriber leaves in the turn in which the function is due: the close is due, too, and comes behind it.
    private func runAndLeave(_ visitor: RealVisitor, _ function: FakeCall) async {
        await stage.onLoop { streams in
            let token = visitor.token
            _ = streams.withGate(token) { $0.scheduledCalls += 1 }
            streams.schedule(token, due: 0, function.call)
            streams.due(LoopSchedule.slot)
            Connection(streams, token.slot).disconnect(.disconnected)
        }
    }

    @Test("a close that is due waits for a function that hangs, and is called behind it, once")
    func hangsBeforeClose() async throws {
        let door = Door()
        let entry = stage.entry(FakeProducer([.event("n", wait: -1)]))
        let producer = entry.producer as! FakeProducer
        let visitor = try await stage.subscribe(entry)
        #expect(await visitor.receives(frame("n")))
        let function = FakeCall { producer.only.runScheduled { door.pass() } }
        await runAndLeave(visitor, function)
        #expect(await eventually { stage.runtime.figures().hangingCalls.count == 1 })
        // Two turns of the loop that went on: whatever was due has had its time.
        for _ in 0..<2 { await stage.onLoop { _ in } }
        #expect(producer.only.closeReasons == [] && entry.ledger.closes == 0)
        door.open()
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [.disconnected] && producer.violations == [])
        #expect(entry.ledger.opens == 1 && entry.ledger.closes == 1)
        withExtendedLifetime(function) {}
    }

    @Test("a close that is due is called behind a function that ends its thread", .mayLoseMemory)
    func endsThreadBeforeClose() async throws {
        let entry = stage.entry(FakeProducer([.event("n", wait: -1)]))
        let producer = entry.producer as! FakeProducer
        let visitor = try await stage.subscribe(entry)
        #expect(await visitor.receives(frame("n")))
        let function = FakeCall {
            producer.only.runScheduled()
            endThread()
        }
        await runAndLeave(visitor, function)
        #expect(await stage.isIdle())
        #expect(stage.log.contains("has ended a thread of the server"))
        #expect(producer.only.closeReasons == [.disconnected] && producer.violations == [])
        #expect(entry.ledger.closes == 1)
        withExtendedLifetime(function) {}
    }

    @Test(
        "one that ends its thread answers nothing: the open is still awaited", .mayLoseMemory,
        arguments: [true, false])
    func whilePending(isNonblocking: Bool) async throws {
        let entry = stage.entry(
            FakeProducer([.event("n", wait: -1)], isNonblocking: isNonblocking, opening: { _ in .pending }))
        let producer = entry.producer as! FakeProducer
        let visitor = try stage.open(entry)
        #expect(await eventually { producer.streams.first?.calls == ["open"] })
        let function = FakeCall { endThread() }
        #expect(
            stage.runtime.schedule(visitor.token, afterNanoseconds: 0, function.call) == .accepted)
        #expect(await eventually { stage.log.contains("has ended a thread of the server") })
        await stage.onLoop { _ in }
        #expect(visitor.door.answers.isEmpty)
        #expect(stage.runtime.opened(visitor.token, .opened(headers: [])))
        #expect(await eventually { !visitor.door.answers.isEmpty })
        visitor.attach()
        #expect(await visitor.receives(frame("n")))
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [.disconnected] && entry.ledger.closes == 1)
        withExtendedLifetime(function) {}
    }

    @Test(
        "one that ends its thread answers nothing: the close is still awaited", .mayLoseMemory,
        arguments: [true, false])
    func whileClosing(isNonblocking: Bool) async throws {
        let entry = stage.entry(
            FakeProducer([.event("n", wait: -1)], isNonblocking: isNonblocking, closing: { _, _ in false }))
        let producer = entry.producer as! FakeProducer
        let visitor = try await stage.subscribe(entry)
        #expect(await visitor.receives(frame("n")))
        visitor.hangUp()
        #expect(await eventually { !producer.only.closeReasons.isEmpty })
        let function = FakeCall { endThread() }
        #expect(
            stage.runtime.schedule(visitor.token, afterNanoseconds: 0, function.call) == .accepted)
        #expect(await eventually { stage.log.contains("has ended a thread of the server") })
        await stage.onLoop { _ in }
        #expect(entry.ledger.closes == 0)
        #expect(stage.runtime.closed(visitor.token))
        #expect(await stage.isIdle())
        #expect(entry.ledger.closes == 1)
        withExtendedLifetime(function) {}
    }
}
