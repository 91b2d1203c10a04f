import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import Testing

@testable import StreamRuntime

@Suite("Continuing shared streams in a newer generation")
struct MigratingHubTests {
    private func replace(_ old: ProducerEntry, by new: ProducerEntry, in stage: HubStage) {
        old.replace(by: new, in: stage.runtime)
        stage.turn()
    }

    @Test("every subscriber on every loop gets every event once; the hub's own ids continue")
    func hostIDs() throws {
        let stage = HubStage(loops: 3)
        let emitting = { FakeProducer(isShared: true, isResumable: true, hasNext: false) }
        let entries = (1...3).map { ProducerEntry(emitting(), generation: $0) }
        let visitors = try (0..<7).map { _ in try stage.join(entries[0]) }
        stage.emit(entries[0], data: "a", "b")
        replace(entries[0], by: entries[1], in: stage)
        stage.emit(entries[1], data: "c")
        let newcomer = try stage.join(entries[1], history: "all")
        replace(entries[1], by: entries[2], in: stage)
        stage.emit(entries[2], data: "d")
        let expected = ["1:a", "2:b", "3:c", "4:d"]
        for visitor in visitors + [newcomer] { #expect(visitor.story == expected) }
        #expect(Set(visitors.map { $0.ids.first!.prefix { $0 != "-" } }).count == 1, "one epoch")
        // Nothing is left in the old generations.
        #expect(entries[0].generation.isShutDown && entries[1].generation.isShutDown)
        #expect(entries[2].generation.liveStreams == 9 && entries[2].ledger.open == 1)
        #expect(stage.hubCount == 1)
        for entry in entries.prefix(2) {
            #expect((entry.producer as! FakeProducer).only.calls == ["open", "close reloaded"])
        }
        for visitor in visitors + [newcomer] { visitor.hangUp() }
        stage.pass(milliseconds: 6000)
        #expect(stage.isIdle)
        #expect(entries[2].leavesByReason == [.disconnected: 8])
    }

    @Test("a stream with its own ids continues after the last one; the new one gets nothing that the hub created")
    func ownIDs() throws {
        let stage = HubStage(loops: 2)
        let (old, new) = (
            FakeProducer.counting("old", isShared: true, saving: { _ in [1, 2] }),
            FakeProducer.counting("new", isShared: true)
        )
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitors = try (0..<4).map { _ in try stage.join(first, lastEventID: "10") }
        stage.pass(milliseconds: 25)
        replace(first, by: second, in: stage)
        stage.pass(milliseconds: 25)
        #expect(new.only.request.saved == [1, 2])
        #expect(new.only.request.lastEventID == "\(10 + old.only.stepsTaken)")
        for visitor in visitors {
            let numbers = visitor.ids.map { Int($0)! }
            #expect(numbers == Array(numbers[0]..<numbers[0] + numbers.count) && numbers.count > 4)
        }
        let unnumbered = FakeProducer(isShared: true, isResumable: true, hasNext: false)
        let plain = ProducerEntry(unnumbered, generation: 1)
        _ = try stage.join(plain, parameters: "other")
        stage.emit(plain, data: "x")
        let successor = FakeProducer(isShared: true, isResumable: true, hasNext: false)
        replace(plain, by: ProducerEntry(successor, generation: 2), in: stage)
        #expect(successor.only.request.lastEventID == nil)
    }

    @Test("a stream that the new code does not open stays, and serves new subscribers, too")
    func refused() throws {
        let stage = HubStage(loops: 2)
        let old = FakeProducer(isShared: true, isResumable: true, hasNext: false)
        let new = FakeProducer(
            isShared: true, isResumable: true, hasNext: false, opening: { _ in .failed(log: "broken") })
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let member = try stage.join(first)
        replace(first, by: second, in: stage)
        stage.runtime.end(first.generation, .reloaded)
        stage.turn()
        let newcomer = try stage.join(second)
        stage.emit(first, data: "still here")
        #expect(member.story == ["1:still here"] && newcomer.story == ["1:still here"])
        #expect(old.only.closeReasons == [] && first.keptStreams == 1 && new.streams.count == 1)
        #expect(second.generation.liveStreams == 0, "its subscribers belong to the generation of the stream")
        member.hangUp()
        newcomer.hangUp()
        stage.pass(milliseconds: 6000)
        #expect(old.only.closeReasons == [.disconnected] && first.generation.isShutDown)
        #expect(stage.isIdle)
    }

    @Test("a subscriber that joins while the new stream opens waits for nothing, and belongs to it afterwards")
    func whileOpening() throws {
        let stage = HubStage(loops: 2)
        let old = FakeProducer(isShared: true, isResumable: true, hasNext: false)
        let new = FakeProducer(isShared: true, isResumable: true, hasNext: false, opening: { _ in .pending })
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let member = try stage.join(first)
        stage.emit(first, data: "a")
        replace(first, by: second, in: stage)
        #expect(stage.emit(first, data: "b").allSatisfy { if case .full = $0 { true } else { false } })
        let newcomers = try (0..<3).map { _ in try stage.join(second, history: "all") }
        let unattached = try stage.ask(second)
        stage.turn()
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.turn()
        stage.emit(second, data: "c")
        unattached.attach()
        stage.turn()
        stage.emit(second, data: "d")
        #expect(member.story == ["1:a", "2:c", "3:d"])
        #expect(newcomers.allSatisfy { $0.story == ["1:a", "2:c", "3:d"] })
        // It starts when it was admitted: the event came before its connection.
        #expect(unattached.story == ["2:c", "3:d"])
        #expect(first.generation.isShutDown && old.only.closeReasons == [.reloaded])
    }

    @Test("calls of a C library while the new stream opens go into the history before all of its events")
    func callsMeanwhile() throws {
        let stage = HubStage(loops: 2)
        let old = FakeProducer(isShared: true, isResumable: true, hasNext: false)
        let new = FakeProducer(isShared: true, isResumable: true, hasNext: false, opening: { _ in .pending })
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let members = try (0..<2).map { _ in try stage.join(first) }
        stage.emit(first, data: "a")
        replace(first, by: second, in: stage)
        let outcome = stage.runtime.emit(old.only.token, whenFull: .dropNewest) { frames in
            (try? EventEncoder().encode(Event(data: "b"), into: &frames)) != nil
        }
        #expect(outcome == .accepted)
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.turn()
        stage.emit(second, data: "c")
        for member in members { #expect(member.story == ["1:a", "2:b", "3:c"]) }
        #expect(first.generation.isShutDown && first.supersededEvents == 0)
    }

    @Test("the last subscriber leaves while the new stream opens: both are closed once, and the hub is gone")
    func abandoned() throws {
        let stage = HubStage(.hubs { $0.linger = 0 })
        let old = FakeProducer(isShared: true, isResumable: true, hasNext: false)
        let new = FakeProducer(isShared: true, isResumable: true, hasNext: false, opening: { _ in .pending })
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let member = try stage.join(first)
        replace(first, by: second, in: stage)
        member.hangUp()
        stage.pass(milliseconds: 10)
        #expect(old.only.closeReasons == [.disconnected])
        #expect(stage.runtime.opened(new.only.token, .opened(headers: [])))
        stage.turn()
        #expect(new.only.closeReasons == [.disconnected])
        #expect(stage.isIdle && first.generation.isShutDown && second.generation.liveStreams == 0)
    }

    @Test("a stream that opens or reopens after the reload is the newest generation's")
    func opensLater() throws {
        let stage = HubStage(.hubs { $0.linger = 0 })
        let old = FakeProducer(
            isShared: true, isResumable: true, hasNext: false, opening: { _ in .pending }, closing: { _, _ in false })
        let new = FakeProducer(isShared: true, isResumable: true, hasNext: false)
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let early = try stage.ask(first)
        stage.turn()
        replace(first, by: second, in: stage)
        #expect(stage.runtime.opened(old.only.token, .opened(headers: [])))
        stage.turn()
        early.attach()
        stage.turn()
        #expect(old.only.calls == ["open", "close reloaded"] && new.streams.count == 1)
        stage.emit(second, data: "x")
        #expect(early.story == ["1:x"])
        #expect(stage.runtime.closed(old.only.token))
        stage.turn()
        #expect(first.generation.isShutDown)
    }

    @Test("subscribers of a shared stream that can't be continued stay to the deadline; later ones get the new stream")
    func notResumable() throws {
        let stage = HubStage()
        let (old, new) = (
            FakeProducer(isShared: true, hasNext: false), FakeProducer(isShared: true, hasNext: false)
        )
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let member = try stage.join(first)
        replace(first, by: second, in: stage)
        let newcomer = try stage.join(second)
        stage.emit(first, data: "a")
        stage.emit(second, data: "b")
        stage.runtime.end(first.generation, .reloaded)
        stage.turn()
        #expect(member.story == ["1:a", "farewell"])
        #expect(newcomer.story.count == 1 && newcomer.story[0].hasSuffix(":b"))
    }
}
