import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

/// Hubs whose plugin is replaced, and that are not resumable: new subscribers find a hub of the new code.
@Suite("Hubs that are replaced")
struct HubReplacingTests {
    @Test(
        "a reload: new subscribers get the new code, with ids above the old ones; the old stream drains",
        arguments: [1, 3])
    func reload(_ loops: Int) throws {
        let stage = HubStage(loops: loops)
        let producers = (0..<4).map { _ in HubOpeningTests.producer() }
        let entries = producers.enumerated().map { stage.entry($1, generation: $0 + 1) }
        var visitors: [HubVisitor] = []
        for (index, entry) in entries.enumerated() where index != 2 {
            visitors.append(try stage.join(entry, lastEventID: visitors.last?.ids.last))
            stage.emit(entry, data: "\(index)")
        }
        #expect(visitors[0].story == ["1:0"])
        let first = 1 << 32 + 1
        #expect(visitors[1].story == ["\(first):1"], "nothing that it has seen is repeated")
        #expect(visitors[2].story == ["\(2 << 32 + 1):3"])
        stage.emit(entries[0], data: "old")
        #expect(visitors[0].story == ["1:0", "2:old"] && visitors[1].story.count == 1)
        stage.runtime.end(entries[0].generation, .reloaded)
        stage.turn()
        #expect(visitors[0].story == ["1:0", "2:old", "farewell"])
        #expect(producers[0].only.closeReasons == [.reloaded] && producers[1].only.closeReasons == [])
        // It reconnects with its last id of the old stream.
        let back = try stage.join(entries[3], lastEventID: visitors[0].ids.last)
        #expect(back.story == ["\(first):1", "\(2 << 32 + 1):3"])
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        for visitor in visitors + [back] { visitor.hangUp() }
        #expect(stage.isIdle)
    }

    @Test("two reloads in a row before the first new stream opens: the ids still continue above all others")
    func reloadTwice() throws {
        let stage = HubStage(loops: 3)
        let producers = [
            HubOpeningTests.producer(), HubOpeningTests.producer(), HubOpeningTests.producer(),
            HubOpeningTests.producer(),
        ]
        let entries = producers.enumerated().map { stage.entry($1, generation: $0 + 1) }
        _ = try stage.join(entries[0])
        stage.emit(entries[0], data: "a")
        _ = try stage.join(entries[1])
        stage.emit(entries[1], data: "b")
        // Home is loop 0; these two are loops 2 and 0: the later request arrives first.
        let third = try stage.ask(entries[2])
        let fourth = try stage.ask(entries[3], history: "all")
        stage.runtime.loops[0].loop.turn(waitingAtMost: 0)
        #expect(producers[3].streams.count == 1 && producers[2].streams.isEmpty)
        stage.turn()
        fourth.attach()
        third.attach()
        stage.turn()
        stage.emit(entries[3], data: "d")
        stage.emit(entries[2], data: "c")
        let numbers = fourth.ids.map { UInt64($0.split(separator: "-")[1])! }
        #expect(numbers == numbers.sorted() && Set(numbers).count == 3 && fourth.story.last!.hasSuffix(":d"))
        #expect(third.story.count == 1)
    }

    @Test("a stream that was replaced does not linger after its last subscriber has left")
    func replacedDoesNotLinger() throws {
        let stage = HubStage(.hubs { $0.linger = .max }, loops: 2)
        let (old, new) = (HubOpeningTests.producer(), HubOpeningTests.producer())
        let (first, second) = (stage.entry(old), stage.entry(new, generation: 2))
        try stage.join(first, parameters: "alone").hangUp()
        let visitor = try stage.join(first, parameters: "stays")
        _ = try stage.join(second, parameters: "alone")
        _ = try stage.join(second, parameters: "stays")
        stage.pass(milliseconds: 1)
        #expect(old.streams.map(\.closeReasons) == [[.disconnected], []])
        visitor.hangUp()
        stage.pass(milliseconds: 1)
        #expect(old.streams.map(\.closeReasons) == [[.disconnected], [.disconnected]])
        #expect(new.streams.map(\.closeReasons) == [[], []] && stage.hubCount == 2)
    }
}
