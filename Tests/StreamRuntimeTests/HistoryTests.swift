import EventStream
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("History")
struct HistoryTests {
    /// Frames as a shared stream publishes them.
    func chunk(_ events: [Event], _ numbering: inout HubNumbering, isChunked: Bool = false) -> FrameChunk {
        var frames = FrameBuffer(capacity: 16, isChunked: isChunked)
        frames.isMarked = true
        for event in events { try! EventEncoder().encode(event, into: &frames) }
        return FrameChunk(frames, numbering: &numbering, at: 0)
    }

    func history(_ texts: [String], events: Int = 1024, bytes: Int = 1 << 20) -> (RingHistory, HubNumbering) {
        var numbering = HubNumbering(epoch: "00000000000e")
        var history = RingHistory(maxEvents: events, maxBytes: bytes)
        for text in texts { history.append(chunk([Event(data: text)], &numbering)) }
        return (history, numbering)
    }

    func id(_ number: Int) -> [UInt8] { Array("00000000000e-\(number)".utf8) }

    @Test("an event without an id gets one, in the right place; with an id, or without data, it is kept byte for byte")
    func ids() {
        var numbering = HubNumbering(epoch: "00000000000e")
        let events = [
            Event(data: "a\nb"), Event(data: "c", type: "t", comment: "k", retryMilliseconds: 7),
            Event(data: "d", id: "own"),
            Event(comment: "only"), Event(id: "bare"), Event(data: "e", type: "t", id: ""), Event(data: ""),
        ]
        let made = chunk(events, &numbering)
        let expected = [
            "id: 00000000000e-1\ndata: a\ndata: b\n\n", "event: t\nid: 00000000000e-2\nretry: 7\n: k\ndata: c\n\n",
            "id: own\ndata: d\n\n", ": only\n\n", "id: bare\n\n", "event: t\nid: \ndata: e\n\n",
            "id: 00000000000e-5\ndata: \n\n",
        ]
        #expect(String(decoding: made.bytes, as: UTF8.self) == expected.joined())
        for index in events.indices {
            #expect(String(decoding: made.bytes(of: index), as: UTF8.self) == expected[index])
        }
        let ids = events.indices.map { made.id(of: $0).map { String(decoding: $0, as: UTF8.self) } }
        #expect(ids == ["00000000000e-1", "00000000000e-2", "own", nil, "bare", "", "00000000000e-5"])
        #expect(made.numbers == [1, 2, 3, 3, 3, 4, 5], "every event counts, also one with an id of its own")
        #expect(made.count == expected.joined().utf8.count)
    }

    @Test("as chunks, the frames are the same, each with its size, even if an id is inserted")
    func chunks() {
        let events = [Event(data: "a\nb"), Event(data: "c", type: "t", retryMilliseconds: 7), Event(comment: "only")]
        var (plain, chunked) = (HubNumbering(epoch: "00000000000e"), HubNumbering(epoch: "00000000000e"))
        let frames = chunk(events, &plain)
        let chunks = chunk(events, &chunked, isChunked: true)
        var decoder = ChunkDecoder()
        let decoded = decoder.feed(chunks.bytes)
        #expect(decoded == events.indices.map { Array(frames.bytes(of: $0)) } && !decoder.isMalformed)
        for index in events.indices {
            #expect(chunks.id(of: index).map(Array.init) == frames.id(of: index).map(Array.init))
        }
        #expect(chunks.retryMilliseconds == 7)
    }

    @Test("a place is after the id of the last frame before it that has one, or else after a number of the hub's")
    func anchors() {
        var numbering = HubNumbering(epoch: "00000000000e")
        var history = RingHistory(maxEvents: 3, maxBytes: 1 << 20)
        func anchor(_ place: Int64) -> String {
            String(decoding: history.anchor(at: place, numbering: numbering), as: UTF8.self)
        }
        #expect(anchor(0) == "00000000000e-0")
        for event in [Event(data: "a"), Event(data: "b", id: "own"), Event(comment: "c"), Event(data: "d", id: "")] {
            history.append(chunk([event], &numbering))
        }
        // The first of the four is no longer held.
        #expect(anchor(1) == "00000000000e-1", "as what lies before it is not held")
        #expect(anchor(2) == "own")
        #expect(anchor(3) == "own", "a comment has none")
        #expect(anchor(4) == "00000000000e-3", "an empty id would reset the client's")
        for place in history.first...history.end {
            let start = history.start(after: Array(anchor(place).utf8), numbering: numbering)
            // A frame without an id is after the same id as the one before it.
            #expect(start == .at(place == 3 ? 2 : place))
        }
    }

    @Test("the largest number fits its line")
    func largestNumber() {
        var numbering = HubNumbering(epoch: "00000000000e")
        numbering.advance(to: .max - 1)
        let made = chunk([Event(data: "a")], &numbering)
        #expect(String(decoding: made.bytes, as: UTF8.self) == "id: 00000000000e-18446744073709551615\ndata: a\n\n")
    }

    @Test("the ring has a limit in frames")
    func boundedInFrames() {
        let (history, _) = history((1...10).map(String.init), events: 4)
        #expect(history.count == 4 && history.first == 6 && history.end == 10)
        #expect(history.oldestID == "00000000000e-7" && history.newestProducerID == nil)
    }

    @Test("the newest id of the producer's own is kept, however many the hub has created since")
    func newestProducerID() {
        var numbering = HubNumbering(epoch: "00000000000e")
        var history = RingHistory(maxEvents: 10, maxBytes: 10_000)
        history.append(chunk([Event(data: "a", id: "1"), Event(data: "b", id: "own")], &numbering))
        history.append(chunk([Event(data: "c"), Event(data: "d")], &numbering))
        #expect(history.newestProducerID == "own")
    }

    @Test("the ring has a limit in bytes, except for the newest frame, which stays however large it is")
    func boundedInBytes() {
        let size = "id: 00000000000e-1\ndata: x\n\n".utf8.count
        let (exact, _) = history(Array(repeating: "x", count: 9), bytes: 3 * size)
        #expect(exact.count == 3)
        let (less, _) = history(Array(repeating: "x", count: 9), bytes: 3 * size - 1)
        #expect(less.count == 2)
        let (large, _) = history(["a", "b", String(repeating: "x", count: 1000)], bytes: 10)
        #expect(large.count == 1 && large.first == 2)
    }

    @Test("after each number that is held, and after the one before the oldest, nothing is missing")
    func resumes() {
        let (history, numbering) = history((1...10).map(String.init), events: 4)
        for number in 6...10 { #expect(history.start(after: id(number), numbering: numbering) == .at(Int64(number))) }
        for number in 0...5 {
            #expect(history.start(after: id(number), numbering: numbering) == .gap(from: 6, lost: UInt64(6 - number)))
        }
        #expect(history.start(after: id(11), numbering: numbering) == .gap(from: 6, lost: nil), "of the future")
    }

    @Test("if a comment is the oldest in the ring, it is still known that the event before it is gone")
    func commentFirst() {
        var numbering = HubNumbering(epoch: "00000000000e")
        var history = RingHistory(maxEvents: 2, maxBytes: 1 << 20)
        history.append(chunk([Event(data: "1"), Event(data: "2"), Event(comment: "c"), Event(data: "3")], &numbering))
        #expect(history.start(after: id(1), numbering: numbering) == .gap(from: 2, lost: 1))
        #expect(history.start(after: id(2), numbering: numbering) == .at(3))
    }

    @Test("a jump in the numbers does not count as lost events")
    func leap() {
        var numbering = HubNumbering(epoch: "00000000000e")
        var history = RingHistory(maxEvents: 2, maxBytes: 1 << 20)
        history.append(chunk([Event(data: "1"), Event(data: "2"), Event(data: "3")], &numbering))
        numbering.leap()
        #expect(numbering.number == 1 << 32)
        #expect(history.start(after: id(3), numbering: numbering) == .at(3))
        history.append(chunk([Event(data: "4")], &numbering))
        #expect(history.start(after: id(3), numbering: numbering) == .at(3))
        history.append(chunk([Event(data: "5")], &numbering))
        #expect(history.start(after: id(2), numbering: numbering) == .gap(from: 3, lost: nil))
        numbering.leap()
        #expect(numbering.number == 2 << 32, "each leap goes further, however few events came between")
    }

    @Test("an id of the producer's own is found wherever it is, the newest of equal ones first")
    func ownIDs() {
        var numbering = HubNumbering(epoch: "00000000000e")
        var history = RingHistory(maxEvents: 9, maxBytes: 1 << 20)
        history.append(chunk(["x", "y", "x", "z"].map { Event(data: "d", id: $0) }, &numbering))
        func start(_ id: String) -> HistoryStart { history.start(after: Array(id.utf8), numbering: numbering) }
        #expect(start("y") == .at(2) && start("x") == .at(3) && start("z") == .at(4))
        #expect(start("w") == .gap(from: 0, lost: nil) && start("xy") == .gap(from: 0, lost: nil))
    }

    @Test(
        "a foreign id causes a gap, and nothing worse",
        arguments: [
            "00000000000e", "00000000000e-", "00000000000e--1", "00000000000e-+2", "00000000000e-2 ", "00000000000f-2",
            "00000000000e-99999999999999999999", "00000000000e-18446744073709551616", "-", "\u{0}\u{7f}\u{ff}",
            String(repeating: "9", count: 65_536), "00000000000e-" + String(repeating: "0", count: 65_536),
        ])
    func absurd(_ id: String) {
        let (history, numbering) = history(["a", "b", "c"])
        #expect(history.start(after: Array(id.utf8), numbering: numbering) == .gap(from: 0, lost: nil))
    }

    @Test("with a number of the last events")
    func last() {
        let (history, _) = history((1...10).map(String.init), events: 4)
        #expect([0, 1, 4, 5, .max].map { history.start(last: $0, before: 10) } == [10, 9, 6, 6, 6])
        #expect(history.start(last: 0, before: 2) == 6, "a place that is gone is the oldest that is held")
    }

    @Test("no two hubs of a server share an epoch, nor do those of a server that starts a moment later")
    func epochs() {
        var seen: Set<String> = []
        for serial in 1...1000 {
            seen.insert(HubNumbering.newEpoch(microseconds: 1_800_000_000_000_000, serial: UInt64(serial)))
        }
        for serial in 1...1000 {
            seen.insert(HubNumbering.newEpoch(microseconds: 1_800_000_000_000_100, serial: UInt64(serial)))
        }
        #expect(seen.count == 2000 && seen.allSatisfy { $0.utf8.count == 12 })
        #expect(seen.allSatisfy { HubNumbering.isHostMade("\($0)-1") })
        for id in ["1", "a-1", "00000000000e", "00000000000e-", "00000000000E-1", "00000000000e-1-1", "00000000000e-x"]
        {
            #expect(!HubNumbering.isHostMade(id), "\(id)")
        }
    }

    @Test("at random: every place in the ring is found by its id, and the bytes are unchanged")
    func random() {
        var random = SeededRandom.fromEnvironment(test: "History")
        var numbering = HubNumbering(epoch: "00000000000e")
        var history = RingHistory(maxEvents: 50, maxBytes: 4000)
        var all: [(id: String?, bytes: [UInt8])] = []
        for step in 0..<2000 {
            var events: [Event] = []
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let text = String(repeating: "x", count: Int.random(in: 0...200, using: &random))
                switch Int.random(in: 0..<6, using: &random) {
                case 0: events.append(Event(comment: text))
                case 1: events.append(Event(data: text, id: "own\(step)-\(events.count)"))
                default: events.append(Event(data: text))
                }
            }
            let made = chunk(events, &numbering)
            for frame in events.indices {
                all.append(
                    (made.id(of: frame).map { String(decoding: $0, as: UTF8.self) }, Array(made.bytes(of: frame))))
            }
            history.append(made)
            #expect(history.end == Int64(all.count) && history.count <= 50)
            let place = Int64.random(in: history.first..<history.end, using: &random)
            #expect(history.bytes(at: place).elementsEqual(all[Int(place)].bytes))
            guard let id = all[Int(place)].id else { continue }
            // An event of the hub's without data is not dispatched, so what follows it may be left out.
            guard case .at(let next) = history.start(after: Array(id.utf8), numbering: numbering) else {
                Issue.record("\(id) was not found")
                return
            }
            #expect(next > place && all[Int(place) + 1..<Int(next)].allSatisfy { $0.id == nil })
        }
    }
}
