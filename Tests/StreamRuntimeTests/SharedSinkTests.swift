import ProducerInterface
import Synchronization
import Testing

@testable import StreamRuntime

@Suite("Sinks of a shared stream")
struct SharedSinkTests {
    /// A subscriber whose connection is a sink that is ready for more.
    private func join(
        _ stage: HubStage, _ entry: ProducerEntry, _ sink: FakeSink, history: String? = nil
    ) throws -> HubVisitor {
        let visitor = try stage.ask(entry, history: history)
        stage.turn()
        visitor.attach(sink)
        stage.turn()
        drain(visitor)
        return visitor
    }

    private func drain(_ visitors: HubVisitor...) {
        visitors[0].stage.runtime.sinksDrained(visitors.map(\.token))
        visitors[0].stage.turn()
    }

    @Test("all of them send the same memory, and one message brings it to those of a thread", arguments: [1, 2])
    func sameMemory(_ loops: Int) throws {
        let stage = HubStage(loops: loops)
        let entry = stage.entry(HubOpeningTests.producer())
        let carriers = [FakeCarrier(), FakeCarrier()]
        let sinks = (0..<8).map { FakeSink(carrier: carriers[$0 / 4]) }
        let visitors = try sinks.map { try join(stage, entry, $0) }
        _ = try stage.join(entry)
        let before = carriers.map(\.messages)
        stage.emit(entry, data: "a", "b")
        let memory = Set(sinks.map { ObjectIdentifier($0.shared.last!.shared) })
        #expect(memory.count == 1)
        #expect(sinks.allSatisfy { story(of: Array($0.batches.joined())) == ["1:a", "2:b"] })
        // Each loop has some of the sinks of each thread.
        #expect(zip(carriers, before).allSatisfy { $0.messages == $1 + loops })
        stage.runtime.sinksDrained(visitors.map(\.token))
        stage.turn()
        stage.emit(entry, data: "c")
        #expect(sinks.allSatisfy { story(of: Array($0.batches.joined())) == ["1:a", "2:b", "3:c"] })
    }

    @Test("what a busy one missed follows directly from the history, or, from several batches, as one copy")
    func catchingUp() throws {
        let stage = HubStage()
        let entry = stage.entry(HubOpeningTests.producer())
        let (quick, slow) = (FakeSink(), FakeSink())
        let (quickVisitor, slowVisitor) = (try join(stage, entry, quick), try join(stage, entry, slow))
        stage.emit(entry, data: "a")
        drain(quickVisitor)
        stage.emit(entry, data: "b")
        drain(slowVisitor)
        #expect(slow.shared.last!.shared === quick.shared.last!.shared, "one batch behind: the same memory")
        drain(quickVisitor)
        stage.emit(entry, data: "c")
        drain(quickVisitor)
        stage.emit(entry, data: "d")
        drain(slowVisitor)
        #expect(slow.shared.last!.shared !== quick.shared.last!.shared)
        for sink in [quick, slow] { #expect(story(of: Array(sink.batches.joined())) == ["1:a", "2:b", "3:c", "4:d"]) }
    }

    @Test("one that joins in the middle of a batch gets the rest of it")
    func middle() throws {
        let stage = HubStage()
        let entry = stage.entry(HubOpeningTests.producer())
        let first = FakeSink()
        _ = try join(stage, entry, first)
        stage.emit(entry, data: "a", "b", "c")
        let late = FakeSink()
        _ = try join(stage, entry, late, history: "2")
        #expect(story(of: Array(late.batches.joined())) == ["2:b", "3:c"])
        #expect(late.shared.last!.shared === first.shared.last!.shared)
    }

    @Test("shared bytes in another form are created once")
    func form() {
        let bytes = SharedBytes(copying: UnsafeRawBufferPointer(start: nil, count: 0))
        let made = Mutex(0)
        for _ in 0..<3 {
            let form = bytes.form { _ in
                made.withLock { $0 += 1 }
                return "made"
            }
            #expect(form == "made")
        }
        #expect(made.withLock { $0 } == 1)
    }
}
