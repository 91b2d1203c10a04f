import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Storms on real threads", .timeLimit(.minutes(5)))
struct ThreadStormTests {
    @Test("thousands of short streams, blocking and not: each is opened and closed once, with the reason that is true")
    func shortStreams() async throws {
        var random = SeededRandom.fromEnvironment(test: "ThreadStorm")
        var limits = Limits()
        limits.handoffBytes = 256
        let stage = ThreadStage(limits, loops: 2)
        unowned let runtime = stage.runtime
        func steps(_ count: Int) -> [FakeProducer.Step] {
            [
                .event("0123456789").repeated(count),
                .act { stream in
                    runtime.wake(stream.token)
                    _ = runtime.emit(stream.token) { frames in
                        (try? EventEncoder().encode(Event(data: "emitted"), into: &frames)) != nil
                    }
                    return .wait(milliseconds: 0)
                },
                .act { stream in
                    _ = runtime.sleep(stream.token, milliseconds: 1)
                    return .wait(milliseconds: 1)
                },
            ]
        }
        let closing = { @Sendable (stream: FakeStream, _: CloseReason) in
            if stream.token.slot % 3 == 0 {
                _ = runtime.closed(stream.token)
                return false
            }
            return true
        }
        let producers = [true, false].flatMap { isNonblocking in
            [
                FakeProducer(steps(3) + [.end], isNonblocking: isNonblocking, closing: closing),
                FakeProducer(steps(50) + [.fail("f")], isNonblocking: isNonblocking),
                FakeProducer(steps(1), isNonblocking: isNonblocking, closing: closing),
                FakeProducer(isNonblocking: isNonblocking, opening: { _ in .ended() }),
                FakeProducer(
                    steps(2) + [.end], isNonblocking: isNonblocking,
                    opening: { stream in
                        _ = runtime.opened(stream.token, .opened(headers: []))
                        return .pending
                    }),
            ]
        }
        let entries = producers.map { stage.entry($0) }
        var visitors: [RealVisitor] = []
        var opened = 0
        for round in 0..<3000 {
            let entry = entries.randomElement(using: &random)!
            do throws(Overload) {
                visitors.append(try stage.open(entry))
                opened += 1
            } catch {
                #expect(error.limit == "max-threads")
            }
            if round % 7 == 0 || visitors.count > 60 {
                // Some of those under way: leave, attach, read, break.
                for _ in 0..<20 where !visitors.isEmpty {
                    let index = Int.random(in: 0..<visitors.count, using: &random)
                    let visitor = visitors[index]
                    switch Int.random(in: 0..<8, using: &random) {
                    case 0..<3 where visitor.door.answers == ["stream"] && !visitor.isAttached:
                        visitor.attach(tcp: Bool.random(using: &random))
                    case 3..<5:
                        if visitor.isAttached { visitor.bytes() }
                    case 5:
                        visitor.leaveOrHangUp(reset: Bool.random(using: &random))
                        visitors.remove(at: index)
                    default:
                        runtime.wake(visitor.token)
                    }
                }
                await Task.yield()
            }
        }
        if Bool.random(using: &random) { runtime.end(nil, .shutdown) }
        for visitor in visitors { visitor.leaveOrHangUp(reset: false) }
        #expect(await stage.isIdle())
        #expect(runtime.figures().streams.stuck == 0)
        for (producer, entry) in zip(producers, entries) {
            #expect(producer.violations == [])
            #expect(entry.ledger.open == 0)
            let closed = producer.streams.filter { !$0.closeReasons.isEmpty }
            #expect(closed.allSatisfy { $0.closeReasons.count == 1 })
            #expect(entry.ledger.closes == closed.count)
            // The ledger and the producers were told the same.
            for reason in CloseReason.allCases {
                #expect(entry.ledger.reasons[reason, default: 0] == closed.count { $0.closeReasons == [reason] })
            }
        }
        #expect(opened > 500)
    }

    @Test("emits from many threads: what was accepted is delivered, each thread's in its order")
    func emitters() async throws {
        let stage = ThreadStage(loops: 2)
        for isNonblocking in [true, false] {
            let producer = FakeProducer(isNonblocking: isNonblocking, hasNext: false)
            let visitor = try await stage.subscribe(stage.entry(producer), tcp: true)
            let accepted = Mutex<[[Int]]>([[], [], []])
            let done = Counter()
            for thread in 0..<3 {
                #expect(
                    startThread(named: "emitter", stackBytes: 1 << 18) {
                        for number in 0..<3000 where visitor.emit("\(thread) \(number)") == .accepted {
                            accepted.withLock { $0[thread].append(number) }
                        }
                        done.count()
                    })
            }
            var parser = EventParser()
            var text = ""
            #expect(
                await eventually(within: .seconds(60)) {
                    text = visitor.text()
                    return done.value == 3
                })
            let expected = accepted.withLock { $0.map(\.count).reduce(0, +) }
            var events: [Event] = []
            #expect(
                await eventually {
                    parser = EventParser()
                    events = parser.feed(visitor.text().utf8)
                    return events.count == expected
                })
            for thread in 0..<3 {
                let numbers = events.compactMap { event in
                    let parts = event.data!.split(separator: " ")
                    return Int(parts[0]) == thread ? Int(parts[1]) : nil
                }
                #expect(numbers == accepted.withLock { $0[thread] })
            }
            #expect(!text.isEmpty)
            visitor.hangUp()
        }
        #expect(await stage.isIdle())
    }

    @Test("emits while the stream is ended from outside: what was accepted is delivered")
    func emitsAtTheEnd() async throws {
        let stage = ThreadStage(loops: 2)
        for round in 0..<100 {
            let generation = Generation(plugin: "fakes", number: round)
            let producer = FakeProducer(isNonblocking: round % 2 == 0, hasNext: false)
            let visitor = try await stage.subscribe(stage.entry(producer, generation))
            let (accepted, done) = (Counter(), Counter())
            for _ in 0..<2 {
                #expect(
                    startThread(named: "emitter", stackBytes: 1 << 18) {
                        while true {
                            let outcome = visitor.emit("x")
                            if outcome == .accepted { accepted.count() }
                            if outcome == .over { break }
                        }
                        done.count()
                    })
            }
            #expect(await eventually { accepted.value > 5 })
            stage.runtime.end(generation, .reloaded)
            #expect(
                await eventually {
                    visitor.bytes()
                    return done.value == 2
                })
            #expect(await eventually { visitor.text().withoutFarewell != nil })
            let expected = String(repeating: frame("x"), count: accepted.value)
            #expect(visitor.text().withoutFarewell == expected)
            visitor.hangUp()
        }
        #expect(await stage.isIdle())
    }

    @Test("a shutdown in the middle of everything ends everything")
    func shutdown() async throws {
        var random = SeededRandom.fromEnvironment(test: "ThreadShutdown")
        for _ in 0..<10 {
            let stage = ThreadStage(loops: 2)
            unowned let runtime = stage.runtime
            let producers = [true, false].map { isNonblocking in
                FakeProducer(
                    [.event("x", wait: 1).repeated()], isNonblocking: isNonblocking,
                    opening: { stream in
                        if stream.token.slot % 2 == 0 { return .opened(headers: []) }
                        _ = runtime.opened(stream.token, .opened(headers: []))
                        return .pending
                    })
            }
            let entries = producers.map { stage.entry($0) }
            let stopAfter = Int.random(in: 0..<100, using: &random)
            var visitors: [RealVisitor] = []
            for index in 0..<100 {
                if index == stopAfter { runtime.end(nil, .shutdown) }
                let visitor = try stage.open(entries[index % 2])
                visitors.append(visitor)
                if Bool.random(using: &random), visitor.door.answers == ["stream"] { visitor.attach() }
            }
            #expect(await eventually { entries.allSatisfy { $0.ledger.open == 0 } })
            for visitor in visitors { visitor.leaveOrHangUp(reset: false) }
            #expect(await stage.isIdle())
            for producer in producers {
                #expect(producer.violations == [])
                #expect(producer.streams.allSatisfy { $0.closeReasons.count <= 1 })
            }
        }
    }
}

extension RealVisitor {
    /// Ends it from the subscriber's side, wherever it is.
    func leaveOrHangUp(reset isReset: Bool) {
        if isAttached {
            if isReset { reset() }
            hangUp()
        } else {
            leave()
        }
    }
}
