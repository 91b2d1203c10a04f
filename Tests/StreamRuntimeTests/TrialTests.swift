import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls
import Testing

@testable import StreamRuntime

@Suite("Rolling back a generation that fails", .timeLimit(.minutes(5)))
final class TrialTests {
    let stage = Stage()
    let images = FakeImages()
    let reloader: Reloader
    /// How often the reloader requested attention.
    let calls = Mutex(0)

    init() {
        nonisolated(unsafe) let unshared = stage.system
        reloader = Reloader(
            runtime: stage.runtime, source: images, logger: stage.log.logger, trial: Trial.Rules(),
            clock: { unshared.time }, shuttingDown: atOnce)
    }

    deinit { _ = reloader.retireAll(deadline: 0) }

    private static let counting = FakeProducer.Step { stream, frames in
        let number = Int(stream.request.lastEventID ?? "0")! + stream.stepsTaken
        try! EventEncoder().encode(Event(data: "x", id: "\(number)"), into: &frames)
        return .wait(milliseconds: 10)
    }.repeated()

    private func put(_ content: String, steps: [FakeProducer.Step]? = nil, isResumable: Bool = true) {
        images["a.so"] = FakeImages.File(
            content: content, plugin: "a", routes: ["/a"], steps: steps ?? [Self.counting], isResumable: isResumable)
    }

    private func subscribe() throws -> Visitor { try stage.subscribe(stage.runtime.route(for: "/a")!) }

    private var serving: Int? { stage.runtime.route(for: "/a")?.entry.generation.number }

    @discardableResult
    private func attend() -> Int64? {
        defer { stage.turn() }
        return reloader.endRetired(after: 30_000_000_000)
    }

    @Test("three failures and no success: the previous generation serves again, and the content is not tried again")
    func rolledBack() throws {
        put("1")
        _ = try reloader.reload()
        let untouched = try subscribe()
        put("2", steps: [.fail("oh")])
        #expect(try reloader.reload().replaced == ["a"])
        stage.turn()
        // The continued stream fails, and so do two new ones: all of them continue in the previous generation.
        let newcomers = try (0..<2).map { _ in try subscribe() }
        #expect(serving == 2)
        #expect(images.shutdowns == [], "the old one is held")
        attend()
        #expect(serving == 1)
        #expect(stage.log.contains("error: plugin rolled back"))
        #expect(images.shutdowns == ["a.so 2"])
        for visitor in [untouched] + newcomers {
            #expect(numbersAndMarks(of: visitor.text).prefix(1) == ["1 x"] && !visitor.text.contains("stream-error"))
            visitor.hangUp()
        }
        let again = try subscribe()
        stage.pass(milliseconds: 15)
        #expect(numbersAndMarks(of: again.text) == ["1 x", "2 x"])
        let refused = try reloader.reload()
        #expect(refused.refusals.count == 1 && refused.replaced == [])
        #expect(images.loads == ["a.so 1", "a.so 2"] && serving == 1)
        #expect(refused.refusals[0].contains("a.so: 3 of its streams failed immediately, and none succeeded"))
        put("3")
        #expect(try reloader.reload().replaced == ["a"])
        #expect(serving == 3)
        again.hangUp()
        stage.turn()
    }

    @Test("streams that the candidate does not continue stay, count as failures, and still exist after the rollback")
    func refusals() throws {
        put("1")
        _ = try reloader.reload()
        let visitors = try (0..<4).map { _ in try subscribe() }
        put("2", steps: [.act { _ in nil }])
        // Its opens fail, because it does not understand the old one's ids.
        images.opening = { $0.request.lastEventID == nil ? .opened(headers: []) : .failed(log: "what is that?") }
        _ = try reloader.reload()
        images.opening = nil
        stage.turn()
        attend()
        #expect(serving == 1)
        stage.pass(milliseconds: 20)
        for visitor in visitors {
            #expect(numbersAndMarks(of: visitor.text) == (1...3).map { "\($0) x" })
            visitor.hangUp()
        }
        stage.turn()
        let ledgers = reloader.figures().generations.flatMap(\.producers).map(\.ledger)
        #expect(ledgers.map(\.opens) == [4] && ledgers.map(\.open) == [0])
    }

    @Test(
        "a request that also fails in the previous generation does not count, however often it is made",
        arguments: [true, false])
    func wrongRequests(isResumable: Bool) throws {
        put("1", steps: [.fail("no such thing")], isResumable: isResumable)
        _ = try reloader.reload()
        put("2", steps: [.fail("no such thing")], isResumable: isResumable)
        _ = try reloader.reload()
        for _ in 0..<10 {
            let visitor = try subscribe()
            #expect(visitor.text.hasSuffix("event: stream-error\ndata: no such thing\n\n"))
            visitor.hangUp()
        }
        #expect(attend() != nil, "it is still on trial")
        #expect(serving == 2 && reloader.figures().generations[0].trial?.failures == 0)
    }

    @Test(
        "streams that are not resumable fall back, too, and their outcome in the previous generation counts",
        arguments: ["an event", "a wait", "an end"])
    func notResumable(answer: String) throws {
        let steps: [String: [FakeProducer.Step]] = [
            "an event": [.event("fine", wait: -1)], "a wait": [.wait(-1)], "an end": [.end],
        ]
        put("1", steps: steps[answer], isResumable: false)
        _ = try reloader.reload()
        put("2", steps: [.fail("oh")], isResumable: false)
        _ = try reloader.reload()
        for number in 1...3 {
            let visitor = try subscribe()
            #expect(visitor.text == ["an event": frame("fine"), "a wait": "", "an end": finished][answer])
            #expect(reloader.figures().generations.first { $0.trial != nil }?.trial?.failures == number)
            visitor.hangUp()
        }
        attend()
        #expect(serving == 1 && stage.log.contains("error: plugin rolled back"))
        #expect(stage.runtime.figures().streams.keptRequestBytes == 0)
    }

    @Test("an open that breaks its contract is answered by the previous generation, and counts if that opens")
    func failingOpens() throws {
        put("1", steps: [.event("fine", wait: -1)], isResumable: false)
        _ = try reloader.reload()
        let outcome = Mutex(OpenOutcome.failed(log: "nonsense"))
        images.opening = { _ in outcome.withLock { $0 } }
        put("2", isResumable: false)
        _ = try reloader.reload()
        images.opening = nil
        let visitors = try (0..<3).map { _ in try subscribe() }
        for visitor in visitors {
            #expect(visitor.door.answers == ["stream"] && visitor.text == frame("fine"))
            visitor.hangUp()
        }
        attend()
        #expect(serving == 1 && stage.streams.moved.isEmpty && stage.runtime.figures().streams.keptRequestBytes == 0)
        #expect(reloader.figures().generations.flatMap(\.producers).map(\.ledger.open) == [0])
    }

    @Test(
        "a peer that disconnects while the previous generation opens its stream leaves nothing behind",
        arguments: [true, false])
    func leavesMeanwhile(isAnswered: Bool) throws {
        let old = Mutex(OpenOutcome.opened(headers: []))
        images.opening = { _ in old.withLock { $0 } }
        put("1", steps: [.event("fine", wait: -1)], isResumable: false)
        _ = try reloader.reload()
        images.opening = { _ in .failed(log: "nonsense") }
        put("2", isResumable: false)
        _ = try reloader.reload()
        images.opening = nil
        if !isAnswered { old.withLock { $0 = .pending } }
        let visitor = try stage.open(stage.runtime.route(for: "/a")!)
        stage.turn()
        #expect(visitor.door.answers == (isAnswered ? ["stream"] : []))
        visitor.leave()
        stage.turn()
        #expect(stage.streams.moved.isEmpty)
        if !isAnswered {
            let token = StreamToken(loop: 0, slot: 2, epoch: 1)
            #expect(stage.runtime.opened(token, .opened(headers: [])))
            stage.turn()
        }
        #expect(stage.runtime.figures().streams.open == 0 && stage.runtime.rowsInUse == 0)
    }

    @Test("a forced reload loads what was rolled back, without a trial")
    func forced() throws {
        put("1")
        _ = try reloader.reload()
        put("2", steps: [.fail("oh")])
        _ = try reloader.reload()
        for _ in 0..<3 { try subscribe().hangUp() }
        attend()
        #expect(try reloader.reload().refusals.count == 1 && serving == 1)
        let report = try reloader.reload(isForced: true)
        #expect(report.replaced == ["a"] && report.refusals.isEmpty)
        for _ in 0..<5 { try subscribe().hangUp() }
        attend()
        #expect(!reloader.figures().generations.contains { $0.trial != nil } && serving == 3)
    }

    @Test("a success settles it: later failures are ordinary, and the old generation shuts down")
    func passed() throws {
        put("1")
        _ = try reloader.reload()
        let visitor = try subscribe()
        put("2", steps: [.event("fine", wait: 10), .fail("oh")])
        _ = try reloader.reload()
        stage.turn()
        #expect(attend() == nil)
        #expect(images.shutdowns == ["a.so 1"])
        for _ in 0..<5 { _ = try subscribe() }
        stage.pass(milliseconds: 20)
        attend()
        #expect(serving == 2)
        #expect(visitor.text.contains("event: stream-error"))
    }

    @Test("after the trial period, failures do not count, and the old generation shuts down")
    func timeOver() throws {
        put("1")
        _ = try reloader.reload()
        let start = stage.system.time
        put("2", steps: [.fail("oh")])
        _ = try reloader.reload()
        for _ in 0..<2 { try subscribe().hangUp() }
        #expect(attend() == start + 10_000_000_000)
        #expect(images.shutdowns == [])
        stage.pass(milliseconds: 10_000)
        #expect(attend() == nil)
        #expect(images.shutdowns == ["a.so 1"])
        #expect(try subscribe().text.contains("event: stream-error"), "nothing holds the old one any more")
        attend()
        #expect(serving == 2)
    }

    @Test("the numbers are settings: later trials use the new ones, and 0 of either means no trial")
    func rules() throws {
        put("1")
        _ = try reloader.reload()
        for (content, change) in [
            ("2", { $0.failuresMax = 0 }), ("3", { $0.duration = 0 }),
        ] as [(String, (inout Trial.Rules) -> Void)] {
            var rules = Trial.Rules()
            change(&rules)
            reloader.replaceTrialRules(rules)
            put(content)
            _ = try reloader.reload()
            #expect(attend() == nil && images.shutdowns.last == "a.so \(Int(content)! - 1)")
        }
        var rules = Trial.Rules()
        (rules.failuresMax, rules.duration) = (1, 1_000_000_000)
        reloader.replaceTrialRules(rules)
        put("4", steps: [.fail("oh")])
        _ = try reloader.reload()
        #expect(attend() == stage.system.time + 1_000_000_000)
        try subscribe().hangUp()
        attend()
        #expect(serving == 3)
    }

    @Test("trials, their state, and the generations held for them are reported")
    func figures() throws {
        put("1")
        _ = try reloader.reload()
        let untried = reloader.figures().generations
        #expect(untried.count == 1 && untried[0].trial == nil && untried[0].heldFor == nil)
        let start = stage.system.time
        put("2", steps: [.fail("oh")])
        _ = try reloader.reload()
        let visitor = try subscribe()
        let generations = reloader.figures().generations
        #expect(generations.map(\.number) == [2, 1])
        #expect(
            generations[0].trial
                == TrialFigures(failures: 1, failuresMax: 3, until: start + 10_000_000_000))
        #expect(generations[0].heldFor == nil && generations[1].trial == nil && generations[1].heldFor == 2)
        visitor.hangUp()
        stage.pass(milliseconds: 10_000)
        attend()
        #expect(reloader.figures().generations.map(\.number) == [2] && reloader.figures().generations[0].trial == nil)
    }

    @Test("another reload during the trial: the generation that it replaces would serve again")
    func twice() throws {
        put("1")
        _ = try reloader.reload()
        put("2", steps: [.wait(-1)])
        _ = try reloader.reload()
        put("3", steps: [.fail("oh")])
        _ = try reloader.reload()
        #expect(images.shutdowns == ["a.so 1"])
        for _ in 0..<3 { _ = try subscribe() }
        attend()
        #expect(serving == 2)
        // It was on trial itself, and has lost what it replaced.
        #expect(images.shutdowns == ["a.so 1", "a.so 3"])
        #expect(attend() == nil)
    }

    @Test("something that the old generation needs is taken: it is not restored")
    func conflict() throws {
        images["a.so"] = FakeImages.File(
            content: "1", plugin: "a", routes: ["/a", "/b"], steps: [.event("b", wait: -1)])
        _ = try reloader.reload()
        images["a.so"] = FakeImages.File(content: "2", plugin: "a", routes: ["/b"], steps: [.fail("oh")])
        images["z.so"] = FakeImages.File(content: "1", plugin: "z", routes: ["/a"])
        _ = try reloader.reload()
        let entry = stage.runtime.route(for: "/b")!.entry
        for _ in 0..<3 {
            let visitor = try stage.subscribe(entry)
            visitor.hangUp()
        }
        stage.turn()
        attend()
        #expect(serving == 1 && stage.runtime.route(for: "/a")?.entry.generation.plugin == "z")
        #expect(stage.log.contains("error: plugin not rolled back: another plugin now has its name or a route of it"))
        #expect(images.shutdowns == ["a.so 1"])
    }

    @Test("the end of the server ends every trial")
    func shutdown() throws {
        put("1")
        _ = try reloader.reload()
        put("2")
        _ = try reloader.reload()
        #expect(reloader.retireAll(deadline: monotonicNanoseconds() + 10_000_000_000) == [])
        #expect(images.shutdowns.sorted() == ["a.so 1", "a.so 2"])
    }
}
