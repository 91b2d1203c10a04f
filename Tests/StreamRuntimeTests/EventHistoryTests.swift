import EventStream
import ProducerInterface
import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("A hub's event history")
struct EventHistoryTests {
    /// Keeps every event of a hub forever. It implements only the protocol, independently of the ring.
    private struct WholeHistory: EventHistory {
        var frames: [(chunk: FrameChunk, frame: Int)] = []
        let isSeparate: Bool
        /// Counts the appends to histories of other loops.
        let elsewhere: Counter

        let first: Int64 = 0
        let retryMilliseconds: Int64 = -1
        var end: Int64 { Int64(frames.count) }
        var oldestID: String? { frames.isEmpty ? nil : String(decoding: id(at: 0)!, as: UTF8.self) }
        var newestProducerID: String? { nil }

        mutating func append(_ chunk: FrameChunk) {
            if isSeparate { elsewhere.count() }
            frames += chunk.frames.indices.map { (chunk, $0) }
        }

        func start(after id: [UInt8], numbering: HubNumbering) -> HistoryStart {
            let known = frames.indices.first { self.id(at: $0)?.elementsEqual(id) == true }
            return known.map { .at(Int64($0) + 1) } ?? .gap(from: 0, lost: nil)
        }

        func anchor(at place: Int64, numbering: HubNumbering) -> [UInt8] {
            place == 0 ? numbering.id(0) : Array(id(at: Int(place) - 1)!)
        }

        func id(at place: Int) -> UnsafeRawBufferPointer? { frames[place].chunk.id(of: frames[place].frame) }

        func bytes(at place: Int64) -> UnsafeRawBufferPointer {
            frames[Int(place)].chunk.bytes(of: frames[Int(place)].frame)
        }

        func publishedAt(_ place: Int64) -> MonotonicNanoseconds { frames[Int(place)].chunk.publishedAt }
        var byteCount: Int { frames.reduce(0) { $0 + $1.chunk.bytes(of: $1.frame).count } }

        func chunk(at place: Int64) -> (bytes: SharedSlice, end: Int64) {
            let (chunk, frame) = frames[Int(place)]
            let bytes = SharedSlice(shared: chunk, range: chunk.start(of: frame)..<chunk.frames[frame].end)
            return (bytes, place + 1)
        }

        var separate: any EventHistory { WholeHistory(frames: frames, isSeparate: true, elsewhere: elsewhere) }
    }

    @Test("a hub reads what it needs from the history that it was given, on every loop", arguments: [1, 2])
    func own(loops: Int) throws {
        // A ring with these settings would hold one event.
        var limits = Limits()
        limits.hub.historyEvents = 1
        let made = Mutex<[Int]>([])
        let elsewhere = Counter()
        let stage = HubStage(limits, loops: loops) { settings in
            made.withLock { $0.append(settings.historyEvents) }
            return WholeHistory(isSeparate: false, elsewhere: elsewhere)
        }
        let producer = FakeProducer([.wait(-1).repeated()], isShared: true)
        let entry = stage.entry(producer)
        let visitor = try stage.join(entry)
        stage.emit(entry, data: "a", "b", "c")
        #expect(visitor.story == ["1:a", "2:b", "3:c"])
        let first = try #require(visitor.ids.first)
        let back = try stage.join(entry, lastEventID: first)
        #expect(back.story == ["2:b", "3:c"])
        let late = try stage.join(entry, history: "2")
        #expect(late.story == ["2:b", "3:c"])
        stage.emit(entry, data: "d")
        #expect(visitor.story == ["1:a", "2:b", "3:c", "4:d"])
        #expect(back.story == ["2:b", "3:c", "4:d"] && late.story == ["2:b", "3:c", "4:d"])
        let stranger = try stage.join(entry, lastEventID: "never")
        #expect(stranger.story == ["gap 1", "1:a", "2:b", "3:c", "4:d"])
        #expect(made.withLock(\.self) == [1] && (elsewhere.value > 0) == (loops == 2))
        for one in [visitor, back, late, stranger] { one.hangUp() }
        stage.pass(milliseconds: 10_000)
        #expect(stage.isIdle)
    }
}
