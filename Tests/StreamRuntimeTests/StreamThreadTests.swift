import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Threads of streams", .timeLimit(.minutes(5)))
struct StreamThreadTests {
    @Test("threads are limited; a stream that ends frees its own")
    func threadLimit() async throws {
        var limits = Limits()
        limits.maxThreads = 3
        let stage = ThreadStage(limits)
        let entry = stage.entry(FakeProducer.blocking([.wait(-1)]))
        var visitors: [RealVisitor] = []
        for _ in 0..<3 { visitors.append(try await stage.subscribe(entry)) }
        #expect(throws: Overload(limit: "max-threads")) { try stage.open(entry) }
        visitors.removeFirst().hangUp()
        #expect(await eventually { stage.runtime.figures().streams.threads == 2 })
        visitors.append(try await stage.subscribe(entry))
        for visitor in visitors { visitor.hangUp() }
        #expect(await stage.isIdle())
        #expect(entry.ledger.reasons == [.disconnected: 4])
    }

    @Test("a rejection on a thread has the headers that were added, at once or later", arguments: [true, false])
    func refusalHeaders(isPending: Bool) async throws {
        let stage = ThreadStage()
        let refusal = OpenOutcome.rejected(status: 401, message: "who?", headers: [.init("WWW-Authenticate", "Bearer")])
        let producer = FakeProducer.blocking(opening: { _ in isPending ? .pending : refusal })
        let visitor = try stage.open(stage.entry(producer))
        if isPending { #expect(await eventually { stage.runtime.opened(visitor.token, refusal) }) }
        #expect(await eventually { visitor.door.answers == ["rejected 401 who? WWW-Authenticate=Bearer"] })
        #expect(await stage.isIdle())
    }

    @Test("a next that never returns is reported, and keeps its thread until it does")
    func stuck() async throws {
        var limits = Limits()
        limits.stuckReport = 20_000_000
        let stage = ThreadStage(limits)
        let gate = Counter()
        unowned let runtime = stage.runtime
        let producer = FakeProducer.blocking([
            .act { stream in
                while gate.value == 0 { _ = runtime.sleep(stream.token, milliseconds: 1) }
                return .ended
            }
        ])
        let entry = stage.entry(producer)
        let visitor = try await stage.subscribe(entry)
        #expect(await eventually { producer.only.stepsTaken == 1 })
        visitor.hangUp()
        #expect(await eventually { stage.runtime.figures().streams.stuck == 1 })
        #expect(stage.log.contains("warning: stream should have ended"))
        #expect(producer.only.closeReasons == [] && entry.ledger.closes == 0)
        gate.count()
        #expect(await stage.isIdle())
        #expect(stage.runtime.figures().streams.stuck == 0 && producer.only.closeReasons == [.disconnected])
    }

    @Test("a non-blocking producer that stalls continues on threads, and loses nothing")
    func movesToThread() async throws {
        var limits = Limits()
        limits.stallLimit = 5_000_000
        // However long a call takes on this machine, it must not count as hanging.
        limits.callDeadline = .max
        let stage = ThreadStage(limits)
        let (habit, steps) = (Counter(), Counter())
        let step = FakeProducer.Step { _, frames in
            func encode(_ data: String) { try! EventEncoder().encode(Event(data: data), into: &frames) }
            guard habit.value > 0 else {
                spin(milliseconds: 200)
                encode("stalled")
                return .wait(milliseconds: -1)
            }
            steps.count()
            guard steps.value <= 2 else { return .ended }
            encode("on a thread \(steps.value)")
            return steps.value == 1 ? .wait(milliseconds: 1) : nil
        }
        let producer = FakeProducer([step.repeated()])
        let entry = stage.entry(producer)
        let visitor = try await stage.subscribe(entry)
        // The number of stalls that the loop sees depends on the machine: a busy one adds some, and hides others in its
        // own delays. None happens between two wakes, so the last one seen is that of the last call.
        var before = frame("stalled")
        try #require(await visitor.receives(before))
        func usesThreads() async -> Bool { await stage.onLoop { entry.usesThreads(at: $0.loop.updateNow()) } }
        while await !usesThreads() {
            #expect(stage.runtime.wake(visitor.token))
            before += frame("stalled")
            try #require(await visitor.receives(before))
        }
        #expect(stage.log.lines.count { $0.contains("limit_ms=5 ") } >= StallHabit.stallsMax)
        #expect(stage.runtime.figures().streams.threads == 0, "nothing is left to do")
        habit.count()
        #expect(visitor.emit("emitted") == .accepted)
        #expect(stage.runtime.wake(visitor.token))
        let after = ["emitted", "on a thread 1", "on a thread 2"].map(frame).joined()
        #expect(await visitor.receives(before + after + finished))
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [.completed] && producer.violations == [])
    }

    @Test("waiting for idleness ends with the last stream, or at the deadline; dropped connections end their streams")
    func waitsUntilIdle() async throws {
        let stage = ThreadStage(loops: 2)
        unowned let runtime = stage.runtime
        #expect(runtime.waitUntilIdle(deadline: 0), "nothing was ever there")
        let entries = [true, false].map { stage.entry(FakeProducer([.wait(-1)], isNonblocking: $0)) }
        var visitors: [RealVisitor] = []
        for entry in entries { visitors.append(try await stage.subscribe(entry)) }
        #expect(!runtime.waitUntilIdle(deadline: monotonicNanoseconds() + 3_000_000))
        let done = Counter()
        #expect(
            startThread(named: "waiter", stackBytes: 1 << 18) {
                if runtime.waitUntilIdle(deadline: .max) { done.count() }
            })
        runtime.dropConnections()
        #expect(await eventually { done.value == 1 })
        #expect(await stage.isIdle())
        for entry in entries { #expect(entry.ledger.reasons == [.shutdown: 1]) }
        withExtendedLifetime(visitors) {}
    }

    @Test("a shared stream that ends on its thread ends for all its subscribers", arguments: [true, false])
    func sharedEnds(_ completes: Bool) async throws {
        let stage = ThreadStage(loops: 2)
        let gate = Counter()
        let producer = FakeProducer(
            [
                .act { _ in
                    gate.wait()
                    return nil
                },
                .event("a"), completes ? .end : .fail("no more"),
            ], isNonblocking: false, isShared: true)
        let entry = stage.entry(producer)
        var visitors: [RealVisitor] = []
        for _ in 0..<4 { visitors.append(try await stage.subscribe(entry)) }
        for visitor in visitors { #expect(await visitor.receivesPreamble()) }
        gate.count()
        for visitor in visitors {
            #expect(
                await eventually {
                    let text = visitor.text()

                    return text.contains("data: a\n\n") && text.hasSuffix(completes ? finished : "data: no more\n\n")
                })
            visitor.hangUp()
        }
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [completes ? .completed : .failed])
        #expect(producer.violations == [])
    }
}
