import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

/// `interrupt` can wait for what its own `next` or `open` holds, but the loop must not wait with it.
@Suite("Interrupts")
struct InterruptTests {
    private let stage = ThreadStage()
    private let door = Door()

    /// Whether another stream of the same loop still works.
    private func othersGoOn(on stage: ThreadStage) async throws -> Bool {
        let visitor = try await stage.subscribe(stage.entry(FakeProducer([.event("other", wait: -1)], name: "other")))
        defer { visitor.hangUp() }
        return await visitor.receives(frame("other"))
    }

    @Test("interrupts of blocking streams that wait delay nothing else, however many there are")
    func blocking() async throws {
        let (door, entered) = (door, Counter())
        let producer = FakeProducer.blocking(
            [
                .act { _ in
                    entered.count()
                    door.pass()
                    return .wait(milliseconds: -1)
                }
            ], interrupted: { _ in door.pass() })
        let entry = stage.entry(producer)
        var visitors: [RealVisitor] = []
        for _ in 0..<40 { visitors.append(try await stage.subscribe(entry)) }
        #expect(await eventually { entered.value == 40 })
        for visitor in visitors { visitor.hangUp() }
        #expect(await eventually { producer.streams.contains { $0.interrupts == 1 } })
        #expect(try await othersGoOn(on: stage))
        door.open()
        #expect(await stage.isIdle())
        #expect(producer.violations == [] && entry.ledger.closes == 40)
    }

    @Test("interrupts of one producer that never return do not delay those of another")
    func ofAnother() async throws {
        let door = door
        let stuck = FakeProducer(name: "stuck", opening: { _ in .pending }, interrupted: { _ in door.pass() })
        let (stuckEntry, other) = (stage.entry(stuck), FakeProducer(opening: { _ in .pending }))
        let visitors = try (0..<40).map { _ in try stage.open(stuckEntry) }
        #expect(await eventually { stuck.streams.count == 40 })
        let visitor = try stage.open(stage.entry(other))
        #expect(await eventually { other.streams.count == 1 })
        _ = await stage.onLoop { _ in }
        for visitor in visitors + [visitor] { visitor.leave() }
        #expect(await eventually { other.only.interrupts == 1 })
        door.open()
        #expect(await eventually { stuck.streams.allSatisfy { $0.interrupts == 1 } })
        for visitor in visitors + [visitor] { #expect(stage.runtime.opened(visitor.token, .ended())) }
        #expect(await stage.isIdle())
    }

    @Test("the close of a stream whose open was interrupted waits until that has returned, and the log has the reason")
    func pendingOpen() async throws {
        let door = door
        var limits = Limits()
        limits.stuckReport = 20_000_000
        let stage = ThreadStage(limits)
        let producer = FakeProducer(opening: { _ in .pending }, interrupted: { _ in door.pass() })
        let entry = stage.entry(producer)
        let visitor = try stage.open(entry)
        #expect(await eventually { producer.streams.count == 1 })
        // After the answer "later", which the loop has to receive first.
        _ = await stage.onLoop { _ in }
        visitor.leave()
        #expect(await eventually { producer.only.interrupts == 1 })
        #expect(stage.runtime.opened(visitor.token, .opened(headers: [])))
        #expect(try await othersGoOn(on: stage))
        #expect(await eventually { stage.log.contains("stream should have ended") })
        #expect(stage.log.contains("function=interrupt"))
        #expect(producer.only.closeReasons.isEmpty)
        door.open()
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [.disconnected] && producer.violations == [])
    }

    @Test("an interrupt that ends its thread is named, and the stream ends nevertheless", .mayLoseMemory)
    func endsItsThread() async throws {
        let producer = FakeProducer(
            opening: { _ in .pending }, interrupted: { _ in endThread() })
        let entry = stage.entry(producer)
        let visitor = try stage.open(entry)
        #expect(await eventually { producer.streams.count == 1 })
        _ = await stage.onLoop { _ in }
        visitor.leave()
        #expect(await eventually { stage.log.contains("has ended a thread of the server") })
        #expect(stage.log.contains("function=interrupt"))
        #expect(stage.runtime.opened(visitor.token, .opened(headers: [])))
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [.disconnected])
    }
}
