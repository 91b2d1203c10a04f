import Testing

@testable import EventStream

@Suite("Frame buffer")
struct FrameBufferTests {
    @Test("it grows as needed and keeps what it holds")
    func grows() {
        var buffer = FrameBuffer(capacity: 1)
        var expected: [UInt8] = []
        for count in 0..<200 {
            let bytes = [UInt8](repeating: UInt8(count), count: count)
            bytes.withUnsafeBytes { buffer.append($0) }
            expected += bytes
        }
        #expect(Array(buffer.bytes) == expected)
        #expect(buffer.count == expected.count)
        #expect(buffer.capacity >= buffer.count)
    }

    @Test("reserved room is written to and committed")
    func reserve() {
        var buffer = FrameBuffer(capacity: 4)
        buffer.append("abc")
        let room = buffer.reserve(100)
        #expect(buffer.capacity >= 103)
        room.storeBytes(of: 0x64, as: UInt8.self)
        #expect(buffer.count == 3)
        buffer.commit(1)
        #expect(Array(buffer.bytes) == Array("abcd".utf8))
    }

    @Test("emptied, it keeps its memory")
    func removeAll() {
        var buffer = FrameBuffer(capacity: 4)
        buffer.append("a longer text")
        buffer.append(frame: UnsafeRawBufferPointer(start: nil, count: 0))
        let capacity = buffer.capacity
        #expect(buffer.isEmpty == false)
        buffer.removeAll()
        #expect(buffer.isEmpty == true)
        #expect(buffer.frameCount == 0)
        #expect(buffer.capacity == capacity)
        buffer.append("b")
        #expect(Array(buffer.bytes) == [0x62])
    }

    @Test("it is cut back to what it held")
    func truncate() {
        var buffer = FrameBuffer(capacity: 4)
        buffer.append("kept")
        let length = buffer.count
        buffer.append(" and dropped")
        buffer.truncate(to: length)
        #expect(Array(buffer.bytes) == Array("kept".utf8))
    }

    @Test("the oldest frames are dropped whole, and never those behind the end", arguments: 0...200)
    func dropFrames(leaving bytes: Int) throws {
        // Frames of 12 to 24 bytes, 24 to 36 as chunks: about 150 in all. One has a blank line within its data.
        let events = [
            Event(data: "a", id: "1"), Event(data: "", id: "22", retryMilliseconds: 7), Event(id: "3"),
            Event(data: "\n\n", id: "4444"), Event(data: "e"),
        ]
        var buffer = FrameBuffer(capacity: 4, isChunked: true)
        buffer.isMarked = true
        for event in events { try EventEncoder().encode(event, into: &buffer) }
        let ends = buffer.marks.map(\.end)
        let all = Array(buffer.bytes)
        let wanted = ends.dropLast().count { end in
            let start = ends.last { $0 < end } ?? 0
            return all.count - start > bytes
        }
        #expect(buffer.removeFirstFrames(leaving: bytes, before: ends[3]) == wanted)
        let cut = wanted == 0 ? 0 : ends[wanted - 1]
        #expect(Array(buffer.bytes) == Array(all[cut...]))
        #expect(buffer.frameCount == events.count - wanted)
        var alone = FrameBuffer(capacity: 4, isChunked: true)
        alone.isMarked = true
        for event in events.dropFirst(wanted) { try EventEncoder().encode(event, into: &alone) }
        #expect(buffer.marks == alone.marks)
        #expect(text(buffer.newestID) == text(alone.newestID), "an id that was dropped is nobody's")
        #expect(buffer.newestRetryMilliseconds == alone.newestRetryMilliseconds, "so is a reconnection time")
    }

    @Test("the newest id is found again wherever its frame has moved", arguments: [false, true])
    func newestID(isChunked: Bool) throws {
        var first = FrameBuffer(capacity: 4, isChunked: isChunked)
        var second = FrameBuffer(capacity: 4, isChunked: isChunked)
        #expect(first.newestID == nil)
        try EventEncoder().encode(Event(data: "a", id: "old"), into: &first)
        try EventEncoder().encode(Event(data: "b", type: "t"), into: &second)
        first.append(framesOf: second)
        #expect(text(first.newestID) == "old" && first.newestRetryMilliseconds == -1)
        try EventEncoder().encode(Event(data: "c", type: "tt", id: "new", retryMilliseconds: 5), into: &second)
        first.append(framesOf: second)
        #expect(text(first.newestID) == "new" && first.newestRetryMilliseconds == 5)
        #expect(throws: EncodingFault.self) { try EventEncoder().encode(Event(data: "d", id: "x\n"), into: &first) }
        #expect(text(first.newestID) == "new")
        first.removeAll()
        #expect(first.newestID == nil && first.newestRetryMilliseconds == -1)
    }

    private func text(_ bytes: UnsafeRawBufferPointer?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    @Test("it is cut, not extended")
    func truncateBeyond() async {
        await #expect(processExitsWith: .failure) {
            var buffer = FrameBuffer(capacity: 4)
            buffer.truncate(to: 1)
        }
    }
}
