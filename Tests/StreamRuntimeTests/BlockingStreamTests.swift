import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Blocking streams", .timeLimit(.minutes(5)))
struct BlockingStreamTests {
    let stage = ThreadStage()

    @Test("what was produced is sent before the producer blocks again")
    func sendsBeforeBlocking() async throws {
        unowned let runtime = stage.runtime
        let producer = FakeProducer.blocking([
            .event("a"), .event("b"),
            .act { stream in
                while runtime.sleep(stream.token, milliseconds: 60_000) == true {}
                return .ended
            },
        ])
        let visitor = try await stage.subscribe(stage.entry(producer))
        #expect(await visitor.receives(frame("a") + frame("b")))
        #expect(stage.runtime.figures().streams.threads == 1)
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [.disconnected] && producer.only.interrupts <= 1)
        #expect(producer.violations == [])
    }

    @Test("a next that blocks in something of its own is interrupted")
    func interrupted() async throws {
        let gate = Counter()
        let producer = FakeProducer.blocking(
            [
                .act { _ in
                    gate.wait()
                    return .wait(milliseconds: 0)
                }
            ], interrupted: { _ in gate.count() })
        let visitor = try await stage.subscribe(stage.entry(producer))
        #expect(await eventually { producer.only.stepsTaken == 1 })
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(producer.only.interrupts == 1 && producer.only.closeReasons == [.disconnected])
        #expect(producer.violations == [])
    }

    @Test("END and ERROR come after everything else, and the thread is free again", arguments: [true, false])
    func ends(_ completes: Bool) async throws {
        let producer = FakeProducer.blocking([.event("x").repeated(500), completes ? .end : .fail("out of x")])
        let entry = stage.entry(producer)
        let visitor = try await stage.subscribe(entry, tcp: true)
        let marker = completes ? finished : "event: stream-error\ndata: out of x\n\n"
        #expect(await visitor.receives(String(repeating: frame("x"), count: 500) + marker))
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(entry.ledger == .init(opens: 1, closes: 1, reasons: [completes ? .completed : .failed: 1]))
        #expect(producer.only.calls == ["open", "pull", "close \(completes ? "completed" : "failed")"])
    }

    @Test("a stream that ends while its socket is full is closed, and delivers everything once it is read")
    func endsWhileFull() async throws {
        let text = String(repeating: "x", count: 50_000)
        let producer = FakeProducer.blocking([.event(text).repeated(8), .end])
        let entry = stage.entry(producer)
        let visitor = try await stage.subscribe(entry)
        // Two events behind all the time: the socket is full when the end comes, and is not read again until the stream is closed.
        let behind = 2 * text.utf8.count
        #expect(
            await eventually {
                let sent = min(producer.only.stepsTaken, 8) * text.utf8.count
                visitor.read(atMost: max(0, sent - visitor.receivedBytes - behind))
                return entry.ledger.closes == 1
            })
        #expect(visitor.receivedBytes <= 6 * text.utf8.count)
        #expect(await visitor.receives(String(repeating: frame(text), count: 8) + finished))
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(entry.ledger.reasons == [.completed: 1])
    }

    @Test("a thread that ends with a last event into a full socket is closed before anything is read")
    func closedWhileFull() async throws {
        var limits = Limits()
        limits.handoffBytes = 1 << 20
        let stage = ThreadStage(limits)
        let text = String(repeating: "x", count: 100_000)
        let producer = FakeProducer.blocking([.event(text).repeated(6), .end])
        let entry = stage.entry(producer)
        let visitor = try await stage.subscribe(entry)
        #expect(await eventually { entry.ledger.closes == 1 }, "the socket is full, and nobody reads")
        #expect(producer.only.closeReasons == [.completed])
        #expect(await visitor.receives(String(repeating: frame(text), count: 6) + finished))
        visitor.hangUp()
        #expect(await stage.isIdle())
    }

    @Test("a peer that leaves while open blocks: open is told, and closed once it has returned")
    func leavesDuringOpen() async throws {
        unowned let runtime = stage.runtime
        let entered = Counter()
        let producer = FakeProducer.blocking(opening: { stream in
            entered.count()
            while !runtime.isCancelled(stream.token) { _ = runtime.sleep(stream.token, milliseconds: 1) }
            return .opened(headers: [])
        })
        let visitor = try stage.open(stage.entry(producer))
        #expect(await eventually { entered.value == 1 })
        visitor.leave()
        #expect(await stage.isIdle())
        #expect(producer.only.calls == ["open", "close disconnected"])
        #expect(visitor.door.answers == [])
        #expect(producer.only.interrupts <= 1 && producer.violations == [])
    }

    @Test("a close that is completed later is complete then, even if the peer left while the stream ended")
    func closesLaterAtBothEnds() async throws {
        unowned let runtime = stage.runtime
        let (held, release, closing, mayReturn, seen) = (Counter(), Counter(), Counter(), Counter(), Counter())
        let producer = FakeProducer.blocking(
            [
                .act { _ in
                    // The loop is busy while the stream ends, and then hears of the peer first.
                    runtime.loops[0].loop.post {
                        held.count()
                        release.wait()
                    }
                    held.wait()
                    return .ended
                }
            ],
            closing: { _, _ in
                closing.count()
                mayReturn.wait()
                return false
            })
        let entry = stage.entry(producer)
        let visitor = try await stage.subscribe(entry)
        #expect(await eventually { closing.value == 1 })
        visitor.hangUp()
        release.count()
        runtime.loops[0].loop.post { seen.count() }
        #expect(await eventually { seen.value == 1 })
        #expect(runtime.closed(visitor.token))
        mayReturn.count()
        #expect(await stage.isIdle())
        #expect(entry.ledger == .init(opens: 1, closes: 1, reasons: [.completed: 1]))
        #expect(producer.violations == [])
    }

    @Test("an open that blocks does not keep other streams from anything")
    func openBlocksOnlyItself() async throws {
        unowned let runtime = stage.runtime
        let gate = Counter()
        let stuck = FakeProducer.blocking(opening: { stream in
            while gate.value == 0 { _ = runtime.sleep(stream.token, milliseconds: 1) }
            return .ended()
        })
        let blocked = try stage.open(stage.entry(stuck))
        let other = try await stage.subscribe(stage.entry(FakeProducer([.event("a"), .end])))
        #expect(await other.receives(frame("a") + finished))
        gate.count()
        #expect(await eventually { blocked.door.answers == ["ended"] })
        other.hangUp()
        #expect(await stage.isIdle())
    }

    @Test("a pending open is answered later, also on a thread")
    func pendingOpen() async throws {
        let producer = FakeProducer.blocking([.event("a"), .end], opening: { _ in .pending })
        let entry = stage.entry(producer)
        let visitor = try stage.open(entry)
        #expect(await eventually { producer.streams.first?.calls == ["open"] })
        #expect(stage.runtime.opened(visitor.token, .opened(headers: [])))
        #expect(await eventually { visitor.door.answers == ["stream"] })
        visitor.attach()
        #expect(await visitor.receives(frame("a") + finished))
        let leaver = try stage.open(entry)
        #expect(await eventually { producer.streams.count == 2 })
        leaver.leave()
        #expect(await eventually { producer.streams[1].interrupts == 1 })
        #expect(stage.runtime.opened(leaver.token, .opened(headers: [])))
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(producer.streams.map(\.closeReasons) == [[.completed], [.disconnected]])
        #expect(producer.violations == [])
    }

    @Test("a full handoff blocks its own thread and nothing else")
    func fullHandoff() async throws {
        let text = String(repeating: "x", count: 10_000)
        let producer = FakeProducer.blocking([.event(text).repeated()])
        let flooding = try await stage.subscribe(stage.entry(producer))
        // Nobody reads: the socket and the handoff fill up, and the producer is not called any more.
        #expect(await eventually { producer.only.stepsTaken > 3 })
        var steps = -1
        #expect(
            await eventually {
                defer { steps = producer.only.stepsTaken }
                return steps == producer.only.stepsTaken
            })
        let other = try await stage.subscribe(stage.entry(FakeProducer.blocking([.event("a"), .end])))
        #expect(await other.receives(frame("a") + finished))
        #expect(producer.only.stepsTaken < 60, "the socket's buffers, 64 KiB, and one event")
        flooding.hangUp()
        other.hangUp()
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [.disconnected])
    }

    @Test("waits and wakes, on a thread")
    func waits() async throws {
        let producer = FakeProducer.blocking([.event("a", wait: 20), .event("b", wait: -1), .event("c", wait: -1)])
        let visitor = try await stage.subscribe(stage.entry(producer))
        #expect(await visitor.receives(frame("a") + frame("b")))
        #expect(stage.runtime.wake(visitor.token))
        #expect(await visitor.receives(frame("a") + frame("b") + frame("c")))
        visitor.reset()
        #expect(await stage.isIdle())
        #expect(producer.only.closeReasons == [.disconnected])
    }

    @Test("scheduled calls run between the calls of the stream, on its thread")
    func scheduled() async throws {
        unowned let runtime = stage.runtime
        let kept = Mutex<FakeCall?>(nil)
        let producer = FakeProducer.blocking([
            .wait(-1),
            .act { stream in
                let call = FakeCall { stream.runScheduled() }
                kept.withLock { $0 = call }
                _ = runtime.schedule(stream.token, afterNanoseconds: 1_000_000, call.call)
                _ = runtime.sleep(stream.token, milliseconds: 20)
                return .wait(milliseconds: -1)
            },
        ])
        let visitor = try await stage.subscribe(stage.entry(producer))
        #expect(await eventually { producer.only.stepsTaken == 1 })
        runtime.wake(visitor.token)
        #expect(await eventually { producer.only.calls.last == "scheduled" })
        #expect(producer.only.calls == ["open", "pull", "scheduled"])
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(producer.violations == [])
    }

    @Test("a close that answers later, on a thread")
    func closesLater() async throws {
        let producer = FakeProducer.blocking([.end], closing: { _, _ in false })
        let entry = stage.entry(producer)
        let visitor = try await stage.subscribe(entry)
        #expect(await visitor.receives(finished))
        visitor.hangUp()
        #expect(await eventually { producer.only.closeReasons == [.completed] })
        #expect(stage.runtime.figures().streams.threads == 1 && entry.ledger.closes == 0)
        #expect(await eventually { stage.runtime.closed(visitor.token) })
        #expect(!stage.runtime.closed(visitor.token))
        #expect(await stage.isIdle())
        #expect(entry.ledger.closes == 1)
    }
}
