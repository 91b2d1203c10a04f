import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Streams that fail at once on trial", .timeLimit(.minutes(5)))
final class FallingBackTests {
    private let stage = Stage()
    private var candidates: [ProducerEntry] = []

    /// The two entries refer to each other as long as the trial lasts.
    deinit { for entry in candidates { entry.setFallback(nil) } }

    private func failing(isNonblocking: Bool = true, isShared: Bool = false, steps: [FakeProducer.Step] = [.fail("oh")])
        -> FakeProducer
    {
        FakeProducer(steps, isNonblocking: isNonblocking, isShared: isShared, isResumable: true)
    }

    /// An entry whose generation has just replaced another.
    private func onTrial(_ producer: FakeProducer, insteadOf old: ProducerEntry) -> ProducerEntry {
        let generation = Generation(
            plugin: "fakes", number: 2, trial: Trial(failuresMax: 3, whenSettled: {}))
        let entry = ProducerEntry(producer: producer, generation: generation)
        entry.setFallback(old)
        candidates.append(entry)
        old.generation.hold()
        return entry
    }

    /// An old producer whose second stream gets another answer, one that fails in its place, and a subscriber of both.
    private func fallenBack(_ outcome: OpenOutcome) throws -> (old: FakeProducer, first: ProducerEntry, Visitor) {
        let isSecond = Mutex(false)
        let old = FakeProducer.counting(
            "old", wait: -1, opening: { _ in isSecond.withLock { $0 } ? outcome : .opened(headers: []) })
        let first = ProducerEntry(old, generation: 1)
        let visitor = try stage.subscribe(first)
        isSecond.withLock { $0 = true }
        first.replace(by: onTrial(failing(), insteadOf: first), in: stage.runtime)
        stage.turn()
        try #require(old.streams.count == 2)
        #expect(old.streams[0].closeReasons == [.reloaded])
        return (old, first, visitor)
    }

    @Test("continue in the previous generation, after the same id and with what was saved, and count as failures")
    func goesOn() throws {
        let old = FakeProducer.counting("old", saving: { Array("at \($0.stepsTaken)".utf8) })
        let bad = failing()
        let first = ProducerEntry(old, generation: 1)
        let second = onTrial(bad, insteadOf: first)
        let visitor = try stage.subscribe(first)
        stage.pass(milliseconds: 25)
        first.replace(by: second, in: stage.runtime)
        stage.pass(milliseconds: 25)
        let received = numbersAndMarks(of: visitor.text)
        #expect(received == (1...received.count).map { "\($0) old" } && received.count > 4)
        #expect(bad.only.calls == ["open", "pull", "close failed"])
        try #require(old.streams.count == 2)
        #expect(old.streams[0].closeReasons == [.reloaded])
        #expect(old.streams[1].request.lastEventID == bad.only.request.lastEventID)
        #expect(bad.only.request.saved == Array("at \(old.streams[0].stepsTaken)".utf8))
        #expect(old.streams[1].request.saved == bad.only.request.saved)
        #expect(second.generation.trial?.failureCount == 1 && second.generation.liveStreams == 0)
        #expect(stage.log.contains("warning: stream returns to the previous generation"))
        // The reload for that generation does not move it again until the next one.
        stage.runtime.end(first.generation, .reloaded)
        stage.pass(milliseconds: 10)
        #expect(stage.runtime.rowsInUse == 1 && bad.streams.count == 1)
        visitor.hangUp()
        stage.turn()
        #expect(stage.isIdle && old.streams[1].closeReasons == [.disconnected] && first.ledger.open == 0)
    }

    @Test("do not fall back after they have produced something, or the trial is passed: those are ordinary failures")
    func ordinary() throws {
        for isPassed in [true, false] {
            let first = ProducerEntry(FakeProducer.counting("old"), generation: 1)
            let bad = failing(steps: isPassed ? [.fail("oh")] : [.event("x", wait: 10), .fail("oh")])
            let second = onTrial(bad, insteadOf: first)
            if isPassed { second.generation.trial?.succeeded() }
            let visitor = try stage.subscribe(second)
            stage.pass(milliseconds: 20)
            #expect(visitor.text.hasSuffix("event: stream-error\ndata: oh\n\n"))
            #expect((first.producer as! FakeProducer).streams.isEmpty)
        }
    }

    @Test("get the failure if the previous generation does not open them", arguments: ["rejected", "late"])
    func refused(how: String) throws {
        let (old, first, visitor) = try fallenBack(.pending)
        #expect(numbersAndMarks(of: visitor.text) == ["1 old"])
        let token = old.streams[1].token
        if how == "late" {
            stage.pass(milliseconds: 5010)
        } else {
            #expect(stage.runtime.opened(token, .rejected(status: 404, message: "no")))
            stage.turn()
        }
        #expect(visitor.text.hasSuffix("event: stream-error\ndata: oh\n\n") && visitor.socket.isShutDown)
        if how == "late" { #expect(stage.runtime.opened(token, .opened(headers: []))) }
        stage.pass(milliseconds: 3000)
        #expect(stage.isIdle && stage.openSockets == 0 && first.ledger.open == 0)
        #expect(old.streams[1].closeReasons == (how == "late" ? [.disconnected] : []))
    }

    @Test("end as requested while the previous generation opens them", arguments: [true, false])
    func ended(byPeer: Bool) throws {
        let (old, first, visitor) = try fallenBack(.pending)
        if byPeer { visitor.hangUp() } else { stage.runtime.end(nil, .shutdown) }
        stage.turn()
        #expect(old.streams[1].interrupts == 1)
        #expect(stage.runtime.opened(old.streams[1].token, .opened(headers: [])))
        stage.turn()
        #expect(old.streams[1].closeReasons == [byPeer ? .disconnected : .shutdown])
        if !byPeer { #expect(visitor.text.withoutFarewell != nil) }
        stage.pass(milliseconds: 3000)
        #expect(stage.isIdle && stage.openSockets == 0 && first.ledger.open == 0)
    }

    @Test("continue on threads, too", arguments: [(true, false), (false, true), (false, false)])
    func threads(oldIsNonblocking: Bool, newIsNonblocking: Bool) async throws {
        let stage = ThreadStage()
        let old = FakeProducer.counting("old", wait: 1, isNonblocking: oldIsNonblocking)
        let bad = failing(isNonblocking: newIsNonblocking)
        let first = ProducerEntry(old, generation: 1)
        let second = onTrial(bad, insteadOf: first)
        let visitor = try await stage.subscribe(first)
        #expect(await eventually { visitor.text().contains("old") })
        first.replace(by: second, in: stage.runtime)
        // Reads continuously: a full socket would delay the new stream before its first event.
        #expect(
            await eventually {
                visitor.text().contains("old") && old.streams.count == 2 && old.streams[1].stepsTaken > 3
            })
        #expect(await eventually { bad.only.closeReasons == [.failed] })
        let received = numbersAndMarks(of: visitor.text())
        #expect(received == (1...received.count).map { "\($0) old" })
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(old.violations == [] && bad.violations == [])
    }

    @Test(
        "keep the history and subscribers of a shared one on every loop; its ids continue", arguments: [true, false])
    func shared(isOpened: Bool) throws {
        let stage = HubStage(loops: 2)
        let isSecond = Mutex(false)
        let old = FakeProducer(
            isShared: true, isResumable: true, hasNext: false,
            opening: { _ in
                isSecond.withLock { $0 } && !isOpened ? .rejected(status: 404, message: "no") : .opened(headers: [])
            }, saving: { _ in [7] })
        let bad = failing(isShared: true)
        let first = ProducerEntry(old, generation: 1)
        let second = onTrial(bad, insteadOf: first)
        let visitors = try (0..<4).map { _ in try stage.join(first) }
        stage.emit(first, data: "a")
        isSecond.withLock { $0 = true }
        first.replace(by: second, in: stage.runtime)
        stage.turn()
        #expect(bad.only.calls == ["open", "pull", "close failed"] && bad.only.request.saved == [7])
        #expect(old.streams.count == 2 && old.streams[1].request.saved == [7])
        guard isOpened else {
            for visitor in visitors { #expect(visitor.story == ["1:a", "error oh"]) }
            return
        }
        let newcomer = try stage.join(second, history: "all")
        stage.emit(first, data: "b")
        for visitor in visitors + [newcomer] { #expect(visitor.story == ["1:a", "2:b"]) }
        #expect(second.generation.trial?.failureCount == 1 && second.generation.liveStreams == 0)
        for visitor in visitors + [newcomer] { visitor.hangUp() }
        stage.pass(milliseconds: 6000)
        #expect(stage.isIdle && first.ledger.open == 0)
    }
}
