import EventStream
import Locks
import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Continuing streams that are on threads", .timeLimit(.minutes(5)))
struct MigratingThreadTests {
    /// Whether a subscriber's events so far are numbered consecutively from 1.
    private func isWhole(_ received: [String]) -> Bool {
        received.enumerated().allSatisfy { $1.hasPrefix("\($0 + 1) ") }
    }

    @Test(
        "the subscriber gets every event once and in order, wherever old and new are running",
        arguments: [(false, false), (false, true), (true, false)])
    func whole(oldIsNonblocking: Bool, newIsNonblocking: Bool) async throws {
        let stage = ThreadStage()
        let old = FakeProducer.counting("old", wait: 1, isNonblocking: oldIsNonblocking)
        let new = FakeProducer.counting("new", wait: 1, isNonblocking: newIsNonblocking)
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        var visitors: [RealVisitor] = []
        for _ in 0..<5 { visitors.append(try await stage.subscribe(first)) }
        for visitor in visitors { #expect(await eventually { visitor.text().contains("old") }) }
        first.replace(by: second, in: stage.runtime)
        for visitor in visitors {
            #expect(await eventually(within: .seconds(30)) { visitor.text().components(of: "new") > 5 })
            #expect(isWhole(numbersAndMarks(of: visitor.text())))
        }
        #expect(await eventually { first.generation.isShutDown })
        #expect(first.ledger.reasons == [.reloaded: 5] && old.violations == [] && new.violations == [])
        for visitor in visitors { visitor.hangUp() }
        #expect(await stage.isIdle())
    }

    @Test(
        "a next that blocks is not waited for: the stream continues elsewhere, where its late events are repeated"
    )
    func blocked() async throws {
        let stage = ThreadStage()
        let gate = Gate()
        let old = FakeProducer(
            [
                FakeProducer.Step { stream, frames in
                    if stream.stepsTaken == 2 { gate.pass() }
                    try! EventEncoder().encode(Event(data: "old", id: "\(stream.stepsTaken)"), into: &frames)
                    return .wait(milliseconds: 1)
                }.repeated()
            ], isNonblocking: false, isResumable: true)
        let new = FakeProducer.counting("new", wait: 1, isNonblocking: false)
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try await stage.subscribe(first)
        #expect(await eventually { visitor.text().contains("old") && old.only.stepsTaken == 2 })
        first.replace(by: second, in: stage.runtime)
        #expect(await eventually(within: .seconds(30)) { visitor.text().contains("id: 3\ndata: new") })
        #expect(numbersAndMarks(of: visitor.text()).prefix(3) == ["1 old", "2 new", "3 new"])
        #expect(old.only.interrupts == 1 && old.only.closeReasons == [])
        gate.open()
        #expect(await eventually { old.only.closeReasons == [.reloaded] && first.generation.isShutDown })
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(isWhole(numbersAndMarks(of: visitor.text())))
    }

    @Test(
        "the first event of a next that blocks is not awaited; its stream begins elsewhere", arguments: [true, false])
    func blockedAtFirst(isShared: Bool) async throws {
        let stage = ThreadStage(.hubs { $0.linger = 0 })
        let gate = Gate()
        let old = FakeProducer(
            [
                .act { _ in
                    gate.pass()
                    return .wait(milliseconds: -1)
                }
            ], isNonblocking: false, isShared: isShared, isResumable: true)
        let new = FakeProducer.counting("new", wait: 1, isNonblocking: false, isShared: isShared)
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try await stage.subscribe(first)
        #expect(await eventually { old.streams.first?.stepsTaken == 1 })
        first.replace(by: second, in: stage.runtime)
        try #require(await eventually { numbersAndMarks(of: visitor.text()).count > 3 })
        #expect(new.only.request.lastEventID == nil && isWhole(numbersAndMarks(of: visitor.text())))
        #expect(old.only.interrupts == 1 && old.only.closeReasons == [])
        gate.open()
        #expect(await eventually { old.only.closeReasons == [.reloaded] && first.generation.isShutDown })
        visitor.hangUp()
        #expect(await stage.isIdle())
    }

    @Test("without meaningful ids, a next that blocks is waited for, and its event is sent")
    func blockedWithoutIDs() async throws {
        let stage = ThreadStage()
        let gate = Gate()
        let old = FakeProducer(
            [
                .event("a", wait: 1),
                FakeProducer.Step { _, frames in
                    gate.pass()
                    try! EventEncoder().encode(Event(data: "b"), into: &frames)
                    return .wait(milliseconds: -1)
                },
            ], isNonblocking: false, isResumable: true)
        let new = FakeProducer([.event("c", wait: -1)], isNonblocking: false, isResumable: true)
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try await stage.subscribe(first)
        #expect(await eventually { visitor.text() == frame("a") && old.only.stepsTaken == 2 })
        first.replace(by: second, in: stage.runtime)
        gate.open()
        #expect(await visitor.receives(frame("a") + frame("b") + frame("c")))
        visitor.hangUp()
        #expect(await stage.isIdle())
    }

    @Test("a next that blocks continues if the new code rejects its stream, and nothing of it is lost")
    func blockedAndRefused() async throws {
        var limits = Limits()
        // On a busy machine, the queue must not be full, and the new code must not be too late.
        limits.handoffBytes = 1 << 30
        limits.migrationDeadline = .max
        let stage = ThreadStage(limits)
        let answer = Gate()
        let old = FakeProducer.counting("old", wait: 1, isNonblocking: false)
        let new = FakeProducer.counting(
            "new", isNonblocking: false,
            opening: { _ in
                answer.pass()
                return .rejected(status: 404, message: "no")
            })
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try await stage.subscribe(first)
        #expect(await eventually { visitor.text().contains("old") })
        first.replace(by: second, in: stage.runtime)
        #expect(await eventually { new.streams.count == 1 })
        let steps = old.only.stepsTaken
        #expect(await eventually { old.only.stepsTaken > steps + 5 }, "it goes on, into its queue")
        answer.open()
        #expect(await eventually { numbersAndMarks(of: visitor.text()).count > steps + 10 })
        #expect(isWhole(numbersAndMarks(of: visitor.text())) && first.keptStreams == 1)
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(old.violations == [] && old.only.closeReasons == [.disconnected])
    }

    @Test("if there is state to save, the stream is asked between two calls of next", arguments: [true, false])
    func saves(isWanted: Bool) async throws {
        let stage = ThreadStage()
        let old = FakeProducer.counting(
            "old", wait: 1, isNonblocking: false, saving: { Array("after \($0.stepsTaken)".utf8) })
        let new = FakeProducer.counting(
            "new", wait: 1, isNonblocking: false,
            opening: { _ in isWanted ? .opened(headers: []) : .ended() })
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try await stage.subscribe(first)
        #expect(await eventually { visitor.text().contains("old") })
        first.replace(by: second, in: stage.runtime)
        try #require(await eventually { new.streams.count == 1 })
        let last = try #require(new.only.request.lastEventID.flatMap { Int($0) })
        #expect(new.only.request.saved == Array("after \(last)".utf8))
        #expect(await eventually { numbersAndMarks(of: visitor.text()).count > last + 5 })
        #expect(isWhole(numbersAndMarks(of: visitor.text())))
        #expect(old.only.calls.contains("save") && old.violations == [])
        #expect(old.only.closeReasons == (isWanted ? [.reloaded] : []))
        visitor.hangUp()
        #expect(await stage.isIdle())
    }

    @Test(
        "reload after reload with streams on and off threads, shared and not, while subscribers come and go"
    )
    func storm() async throws {
        var limits = Limits()
        // However busy the machine is, nobody is too slow here.
        limits.writeDeadline = 600_000_000_000
        limits.hub.historyEvents = 1_000_000
        limits.hub.historyBytes = 1 << 30
        let stage = ThreadStage(limits, loops: 2)
        var random = SeededRandom.fromEnvironment(test: "MigratingThreads")
        var generations: [[ProducerEntry]] = []
        func reload() {
            let number = generations.count + 1
            let made = [(true, false), (false, false), (true, true), (false, true)].map { isNonblocking, isShared in
                ProducerEntry(
                    FakeProducer.counting(
                        "g\(number)", wait: 5, isNonblocking: isNonblocking, isShared: isShared), generation: number)
            }
            for old in generations {
                for (index, entry) in old.enumerated() { entry.setSuccessor(made[index]) }
            }
            for entry in generations.last ?? [] { entry.generation.retire() }
            for entry in generations.joined() { stage.runtime.migrate(entry.generation) }
            generations.append(made)
        }
        reload()
        var visitors: [RealVisitor] = []
        for index in 0..<40 { visitors.append(try await stage.subscribe(generations[0][index % 4])) }
        for _ in 0..<12 {
            reload()
            for visitor in visitors { visitor.bytes() }
            for _ in 0..<3 {
                let index = Int.random(in: 0..<visitors.count, using: &random)
                visitors.remove(at: index).hangUp()
                visitors.append(
                    try await stage.subscribe(generations.last![Int.random(in: 0..<4, using: &random)]))
            }
        }
        let last = "g\(generations.count)"
        #expect(await eventually(within: .seconds(60)) { visitors.map { $0.text().contains(last) }.allSatisfy(\.self) })
        for visitor in visitors {
            let numbers = numbersAndMarks(of: visitor.text()).map { Int($0.prefix { $0 != " " })! }
            let first = try #require(numbers.first)
            #expect(numbers == Array(first..<first + numbers.count))
        }
        for visitor in visitors { visitor.hangUp() }
        #expect(await stage.isIdle())
        for entry in generations.joined() {
            #expect((entry.producer as! FakeProducer).violations == [] && entry.ledger.open == 0)
        }
        for old in generations.dropLast() { #expect(await eventually { old.allSatisfy(\.generation.isShutDown) }) }
    }
}

/// Keeps threads waiting until it is opened.
private final class Gate: Sendable {
    private let condition = Condition()
    private let isOpen = Mutex(false)

    func pass() {
        condition.withLock { while !isOpen.withLock({ $0 }) { condition.wait(until: .max) } }
    }

    func open() {
        isOpen.withLock { $0 = true }
        condition.withLock { condition.broadcast() }
    }
}

extension String {
    /// The number of occurrences of a text.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
