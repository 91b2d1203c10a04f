import EventStream
import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("What loops count")
struct StreamTallyTests {
    private static func shared() -> FakeProducer { FakeProducer(isShared: true, hasNext: false) }

    /// The sum of all loops, which are not running.
    private func tally(of entry: ProducerEntry) -> StreamTally { entry.tallies.sum }

    @Test("an event of a stream with one subscriber is one delivery; calls of next are timed")
    func exclusive() throws {
        let stage = Stage()
        let producer = FakeProducer([.event("one"), .event("two!"), .wait(-1), .event("three"), .end])
        let entry = stage.entry(producer)
        let visitor = try stage.subscribe(entry)
        #expect(tally(of: entry).events == 2 && tally(of: entry).deliveries == 2)
        #expect(tally(of: entry).bytes == (frame("one") + frame("two!")).utf8.count)
        let calls = tally(of: entry).callTimes.count
        #expect(calls > 0 && calls <= producer.only.calls.count)
        stage.runtime.wake(visitor.token)
        stage.turn()
        #expect(tally(of: entry).events == 3 && tally(of: entry).deliveries == 3)
        #expect(tally(of: entry).deliveryTimes.count == 0, "only those of shared streams")
        #expect(tally(of: entry).callTimes.count > calls)
    }

    @Test("an event of a shared stream is a delivery for each subscriber, wherever that is", arguments: [1, 3])
    func fanOut(loops: Int) throws {
        let stage = HubStage(loops: loops)
        let entry = stage.entry(Self.shared())
        let visitors = try (0..<7).map { _ in try stage.join(entry) }
        stage.emit(entry, data: "a", "bb")
        let counted = tally(of: entry)
        #expect(counted.events == 2 && counted.deliveries == 14 && counted.fresh == 7)
        #expect(counted.deliveryTimes.count == 14)
        let text = visitors[0].text.utf8.count
        #expect(counted.bytes == 7 * text)
    }

    @Test("each event that a subscriber gets is counted once, wherever a write is split, with and without chunks")
    func everyBoundary() throws {
        for room in 0..<150 {
            let stage = HubStage(loops: 2)
            let entry = stage.entry(Self.shared())
            let whole = try stage.join(entry)
            let visitor = try stage.join(
                entry, room: room, form: room % 2 == 0 ? [.chunked, .reconnects] : .reconnects)
            stage.emitThree(entry, to: visitor)
            #expect(whole.story.count == 3)
            let counted = tally(of: entry)
            #expect(counted.deliveries == 6 && counted.bytes == 2 * whole.text.utf8.count, "room \(room)")
            #expect(counted.deliveryTimes.count == 6 && counted.events == 3, "room \(room)")
        }
    }

    @Test("sinks count like descriptors")
    func sinks() throws {
        let stage = HubStage()
        let entry = stage.entry(Self.shared())
        let sink = FakeSink()
        _ = try stage.join(entry, sink)
        let visitor = try stage.join(entry)
        stage.emit(entry, data: "a")
        #expect(tally(of: entry).deliveries == 2)
        // The sink is busy, so it has to catch up.
        stage.emit(entry, data: "b", "c")
        #expect(tally(of: entry).deliveries == 4)
        for slot in UInt32(1)..<stage.runtime.loops[0].table.end
        where stage.runtime.loops[0].table[slot].pointee.sink != nil {
            stage.runtime.sinksDrained([stage.runtime.loops[0].token(slot)])
        }
        stage.turn()
        #expect(tally(of: entry).deliveries == 6)
        #expect(tally(of: entry).bytes == 2 * visitor.text.utf8.count)
    }

    @Test("where subscribers begin: fresh, behind their id, behind a gap; what they are given of the past has no time")
    func resumes() throws {
        let stage = HubStage(.hubs { $0.historyEvents = 2 })
        let entry = stage.entry(Self.shared())
        let first = try stage.join(entry)
        stage.emit(entry, data: "a", "b", "c")
        stage.pass(milliseconds: 3)
        _ = try stage.join(entry, lastEventID: first.ids[1])
        _ = try stage.join(entry, lastEventID: first.ids[0])
        _ = try stage.join(entry, lastEventID: "unknown")
        _ = try stage.join(entry, history: "all")
        let counted = tally(of: entry)
        #expect(counted.fresh == 2 && counted.replayed == 2 && counted.gaps == 1)
        #expect(counted.deliveries == 3 + 1 + 2 + 2 + 2)
        #expect(counted.deliveryTimes.count == 3)
    }

    @Test("a subscriber that the history has passed is counted, whether it is disconnected or skips")
    func slow() throws {
        for policy in [HubSettings.SlowPolicy.disconnect, .skip] {
            let stage = HubStage(
                .hubs {
                    $0.historyEvents = 2
                    $0.slowPolicy = policy
                })
            let entry = stage.entry(Self.shared())
            let other = try stage.join(entry)
            let visitor = try stage.join(entry, room: 200)
            for number in 0..<20 { stage.emit(entry, data: "\(number) \(String(repeating: ".", count: 50))") }
            visitor.read(1 << 20)
            stage.turn()
            let counted = tally(of: entry)
            #expect(counted.overtaken == (policy == .disconnect ? 1 : 0))
            #expect(counted.skips == (policy == .skip ? 1 : 0))
            let own = blocks(of: visitor.socket.sent).count { $0.data != nil && $0.type == nil }
            if policy == .skip { #expect(counted.deliveries == 20 + own) }
            #expect(other.story.count == 20)
        }
    }

    @Test("a subscriber that takes nothing for the write deadline is counted as slow; one that is gone is not")
    func blocked() throws {
        let stage = Stage()
        let entry = stage.entry(FakeProducer([.event("a").repeated()]))
        let (slow, gone) = (try stage.subscribe(entry, room: 1000), try stage.subscribe(entry, room: 1000))
        stage.system.setSilence(slow.descriptor, milliseconds: 5000)
        stage.system.setSilence(gone.descriptor, milliseconds: 29_000)
        stage.pass(milliseconds: 30_010)
        #expect(tally(of: entry).blocked == 1)
    }

    @Test("the loops are asked for the tallies of producers, and for what hubs keep, which is kept on their home loop")
    func asking() throws {
        let stage = HubStage(.hubs { $0.historyEvents = 4 }, loops: 2)
        let (entry, other) = (stage.entry(Self.shared()), stage.entry(FakeProducer()))
        let visitors = try (0..<4).map { _ in try stage.join(entry) }
        stage.emit(entry, data: "1", "2", "3", "4", "5", "6")
        nonisolated(unsafe) var found: OpenStreams?
        stage.runtime.gatherOpenStreams(of: [entry, other]) { found = $0 }
        stage.turn()
        let streams = try #require(found)
        #expect(streams.tallies[ObjectIdentifier(entry)] == tally(of: entry))
        #expect(streams.tallies[ObjectIdentifier(other)] == nil)
        #expect(streams.tallies[ObjectIdentifier(entry)]?.deliveries == 24)
        let kept = try #require(streams.histories[ProducerName(plugin: "fakes", producer: "fake")])
        #expect(kept.hubs == 1 && kept.events == 4)
        #expect(kept.bytes > 0 && kept.bytes < visitors[0].socket.sent.count)
    }
}
