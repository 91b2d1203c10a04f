import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import Testing

@testable import StreamRuntime

@Suite("Continuing streams whose new open takes a while")
struct MigratingLaterTests {
    let stage = Stage()
    let old = FakeProducer.counting("old")
    let new = FakeProducer.counting("new", opening: { _ in .pending })
    let first: ProducerEntry
    let second: ProducerEntry

    init() {
        first = ProducerEntry(old, generation: 1)
        second = ProducerEntry(new, generation: 2)
    }

    /// A subscriber of the old producer that waits for the new one's answer.
    private func waiting() throws -> Visitor { try waiting(for: second) }

    private func waiting(for second: ProducerEntry) throws -> Visitor {
        let visitor = try stage.subscribe(first)
        first.replace(by: second, in: stage.runtime)
        stage.turn()
        #expect(new.streams.count == 1)
        return visitor
    }

    @Test("the old stream rests until the answer; then the new one continues")
    func opened() throws {
        let visitor = try waiting()
        stage.runtime.wake(old.only.token)
        stage.pass(milliseconds: 100)
        #expect(numbersAndMarks(of: visitor.text) == ["1 old"])
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.pass(milliseconds: 10)
        #expect(numbersAndMarks(of: visitor.text) == ["1 old", "2 new", "3 new"])
        #expect(old.only.closeReasons == [.reloaded] && stage.runtime.rowsInUse == 1)
    }

    @Test("the old one continues if the answer is no, and does not rest forever without an answer")
    func notOpened() throws {
        let visitor = try waiting()
        #expect(stage.runtime.opened(new.only.token, .rejected(status: 404, message: "no")))
        stage.pass(milliseconds: 20)
        #expect(numbersAndMarks(of: visitor.text) == ["1 old", "2 old", "3 old"])
        visitor.hangUp()
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("an open that takes too long is given up; if it opens after all, it is closed")
    func late() throws {
        let visitor = try waiting()
        stage.pass(milliseconds: 4990)
        #expect(numbersAndMarks(of: visitor.text) == ["1 old"])
        stage.pass(milliseconds: 30)
        #expect(numbersAndMarks(of: visitor.text).count > 2)
        #expect(new.only.interrupts == 1 && first.keptStreams == 1)
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.turn()
        #expect(new.only.calls == ["open", "close reloaded"])
        #expect(old.only.closeReasons == [] && stage.runtime.rowsInUse == 1)
        #expect(second.ledger.reasons == [.reloaded: 1] && second.generation.liveStreams == 0)
    }

    @Test("a generation that never answers has failed, but not the one that came meanwhile, which gets the stream")
    func replacedMeanwhile() throws {
        func onTrial(_ producer: FakeProducer, _ number: Int) -> ProducerEntry {
            let trial = Trial(failuresMax: 3, whenSettled: {})
            return ProducerEntry(
                producer: producer, generation: Generation(plugin: "fakes", number: number, trial: trial))
        }
        let newest = FakeProducer.counting("newest")
        let (second, third) = (onTrial(new, 2), onTrial(newest, 3))
        let visitor = try waiting(for: second)
        first.replace(by: third, in: stage.runtime)
        stage.pass(milliseconds: 5100)
        #expect(second.generation.trial?.failureCount == 1 && third.generation.trial?.failureCount == 0)
        #expect(old.only.closeReasons == [.reloaded] && newest.streams.count == 1)
        let received = numbersAndMarks(of: visitor.text)
        #expect(received.last == "\(received.count) newest" && received.filter { $0.hasSuffix("newest") }.count > 5)
        #expect(stage.runtime.opened(new.only.token, .ended()))
        visitor.hangUp()
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("an open that was given up and never answers is reported, and no longer concerns its subscriber")
    func never() throws {
        let visitor = try waiting()
        stage.pass(milliseconds: 20_000)
        #expect(stage.runtime.figures().streams.stuck == 1)
        #expect(numbersAndMarks(of: visitor.text).count > 1000)
        #expect(stage.runtime.opened(new.only.token, .ended()))
        stage.turn()
        #expect(stage.runtime.figures().streams.stuck == 0 && stage.runtime.rowsInUse == 1)
    }

    @Test("an open that was told to end before, and does not answer, is given up like any other")
    func ended() throws {
        let visitor = try waiting()
        stage.runtime.end(second.generation, .reloaded)
        stage.turn()
        #expect(new.only.interrupts == 1)
        stage.pass(milliseconds: 5020)
        #expect(numbersAndMarks(of: visitor.text).count > 1 && old.only.closeReasons == [])
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.turn()
        #expect(new.only.closeReasons == [.reloaded] && stage.runtime.rowsInUse == 1)
    }

    enum End: CaseIterable { case hangUp, shutdown, removed, slow }

    @Test("whatever ends the stream meanwhile ends both, each once and for the right reason", arguments: End.allCases)
    func ended(how: End) throws {
        let visitor = try waiting()
        let reason: CloseReason
        switch how {
        case .hangUp:
            visitor.hangUp()
            reason = .disconnected
        case .shutdown:
            stage.runtime.end(nil, .shutdown)
            reason = .shutdown
        case .removed:
            stage.runtime.end(first.generation, .removed)
            reason = .removed
        case .slow:
            Connection(stage.streams, visitor.slot!).writeDeadlinePassed()
            reason = .slow
        }
        stage.turn()
        #expect(old.only.closeReasons == [reason])
        #expect(new.only.closeReasons == [] && new.only.interrupts == 1)
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.turn()
        #expect(new.only.closeReasons == [reason])
        if how != .hangUp, how != .slow { #expect(visitor.text.withoutFarewell != nil) }
        stage.pass(milliseconds: 3000)
        #expect(stage.isIdle && stage.openSockets == 0)
    }

    @Test("a still newer generation gets the stream next")
    func overtaken() throws {
        let newest = FakeProducer.counting("newest")
        let third = ProducerEntry(newest, generation: 3)
        let visitor = try waiting()
        first.replace(by: third, in: stage.runtime)
        second.replace(by: third, in: stage.runtime)
        stage.turn()
        #expect(newest.streams.isEmpty, "not before it is known what becomes of the other")
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.pass(milliseconds: 10)
        #expect(new.only.calls == ["open", "pull", "close reloaded"])
        #expect(numbersAndMarks(of: visitor.text) == ["1 old", "2 new", "3 newest", "4 newest"])
    }

    @Test("rolled back before the answer, nothing changes")
    func takenBack() throws {
        let visitor = try waiting()
        first.setSuccessor(nil)
        second.setSuccessor(first)
        stage.runtime.migrate(second.generation)
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.pass(milliseconds: 20)
        #expect(new.only.calls == ["open", "close reloaded"])
        #expect(numbersAndMarks(of: visitor.text) == ["1 old", "2 old", "3 old"])
    }

    @Test("an emit finds no room meanwhile, so no accepted event is lost")
    func emitting() throws {
        let visitor = try waiting()
        guard case .full = stage.emit(visitor, "early") else {
            Issue.record("it was accepted")
            return
        }
        #expect(stage.runtime.opened(new.only.token, .ended()))
        stage.turn()
        #expect(numbersAndMarks(of: visitor.text) == ["1 old", "2 old"], "it is woken, as there is room")
        guard case .accepted = stage.emit(visitor, "again") else {
            Issue.record("it was not accepted")
            return
        }
        first.setSuccessor(second)
        stage.runtime.migrate(first.generation)
        stage.turn()
        #expect(numbersAndMarks(of: visitor.text).last == "- again")
        guard case .full = stage.emit(visitor, "no") else {
            Issue.record("it was accepted by its queue")
            return
        }
        #expect(stage.runtime.opened(new.streams[1].token, .opened(headers: [])))
        stage.turn()
        guard case .over = stage.emit(visitor, "late") else {
            Issue.record("it was accepted after the end")
            return
        }
        #expect(numbersAndMarks(of: visitor.text) == ["1 old", "2 old", "- again", "3 new"])
    }

    /// A call that can't be repeated, like those of a C library.
    private func call(_ stream: StreamToken, _ data: String, id: String? = nil, _ policy: OverflowPolicy = .dropNewest)
        -> EmitOutcome
    {
        stage.runtime.emit(stream, whenFull: policy) { frames in
            (try? EventEncoder().encode(Event(data: data, id: id), into: &frames)) != nil
        }
    }

    /// A subscriber of an old stream that only uses callbacks, and whose successor is about to answer.
    private func calling(_ before: Event..., saving: Bool = false) throws -> (Visitor, FakeProducer, FakeProducer) {
        let save: @Sendable (FakeStream) -> [UInt8]? = { _ in [1] }
        let old = FakeProducer(isResumable: true, hasNext: false, saving: saving ? save : nil)
        let new = FakeProducer(isResumable: true, hasNext: false, opening: { _ in .pending })
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try stage.subscribe(first)
        for event in before { #expect(call(visitor.token, event.data!, id: event.id) == .accepted) }
        first.replace(by: second, in: stage.runtime)
        stage.turn()
        return (visitor, old, new)
    }

    @Test(
        "calls meanwhile, without ids, come before the first event of the new stream",
        arguments: [true, false])
    func callsWithoutIDs(hasBegun: Bool) throws {
        let (visitor, old, new) = try hasBegun ? calling(Event(data: "a")) : calling()
        for data in ["b", "c"] { #expect(call(visitor.token, data) == .accepted) }
        #expect(call(new.only.token, "d") == .accepted)
        #expect(visitor.text == (hasBegun ? frame("a") : ""), "the old one rests")
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.turn()
        #expect(call(visitor.token, "late") == .over)
        let expected = (hasBegun ? ["a"] : []) + ["b", "c", "d"]
        #expect(visitor.text == expected.map { frame($0) }.joined())
        #expect(old.only.closeReasons == [.reloaded])
    }

    @Test(
        "calls meanwhile after an id, or with saved state, are left to the new stream, counted and logged",
        arguments: [true, false])
    func callsWithPlace(isSaved: Bool) throws {
        let (visitor, _, new) =
            try isSaved
            ? calling(Event(data: "1"), saving: true) : calling(Event(data: "1", id: "1"))
        #expect(new.only.request.lastEventID == (isSaved ? nil : "1"))
        let entry = stage.streams.table[visitor.slot!].pointee.entry!
        for data in ["2", "3"] { #expect(call(visitor.token, data, id: isSaved ? nil : data) == .accepted) }
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.turn()
        for data in ["2", "3"] { #expect(call(new.only.token, data, id: isSaved ? nil : data) == .accepted) }
        stage.turn()
        let id = isSaved ? "-" : nil
        #expect(numbersAndMarks(of: visitor.text) == ["1", "2", "3"].map { "\(id ?? $0) \($0)" })
        #expect(entry.supersededEvents == 2)
        #expect(
            stage.log.lines.count { $0.contains("events that were emitted while their stream moved were not sent") }
                == 1
        )
    }

    @Test("calls meanwhile are sent if the new stream is not opened; an overflow fails the old one")
    func callsAndNoSuccessor() throws {
        let (visitor, _, new) = try calling(Event(data: "1", id: "1"))
        #expect(call(visitor.token, "2", id: "2") == .accepted)
        #expect(stage.runtime.opened(new.only.token, .ended()))
        stage.turn()
        #expect(numbersAndMarks(of: visitor.text) == ["1 1", "2 2"])

        let (other, old, newer) = try calling(Event(data: "1", id: "1"))
        let policy = OverflowPolicy.fail(StreamFailure(message: "too fast", log: "it was full"))
        var outcome = EmitOutcome.accepted
        while outcome == .accepted { outcome = call(other.token, String(repeating: "x", count: 1000), policy) }
        #expect(outcome == .full)
        #expect(stage.runtime.opened(newer.only.token, .opened(headers: [])))
        stage.turn()
        #expect(other.text.hasSuffix("event: stream-error\ndata: too fast\n\n"))
        #expect(old.only.closeReasons == [.failed] && newer.only.closeReasons == [.reloaded])
    }

    @Test("only a limited number open at a time, and one that does not answer does not delay the others forever")
    func limited() throws {
        let visitors = try (0..<100).map { _ in
            let visitor = try stage.open(first)
            stage.turn()
            visitor.attach()
            return visitor
        }
        stage.turn()
        first.replace(by: second, in: stage.runtime)
        stage.turn()
        #expect(new.streams.count == 32)
        for stream in new.streams.dropFirst() { #expect(stage.runtime.opened(stream.token, .opened(headers: []))) }
        stage.turn()
        #expect(new.streams.count == 32 + 31)
        stage.pass(milliseconds: 5000)
        for stream in new.streams.dropFirst(32) { _ = stage.runtime.opened(stream.token, .ended()) }
        stage.turn()
        for stream in new.streams { _ = stage.runtime.opened(stream.token, .opened(headers: [])) }
        stage.turn()
        #expect(stage.streams.chores.successorsOpening == 0 && stage.streams.chores.isEmpty)
        #expect(visitors.allSatisfy { !$0.socket.isClosed })
        for visitor in visitors { visitor.hangUp() }
        stage.turn()
        #expect(stage.isIdle)
    }
}
