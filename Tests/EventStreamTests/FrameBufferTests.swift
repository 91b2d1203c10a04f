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
        buffer.frameCount = 1
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

    @Test(
        "the oldest frames are dropped whole, with their marks, and never those behind the end",
        arguments: [(62, 0), (61, 1), (50, 1), (49, 2), (37, 2), (36, 3), (25, 3), (24, 4), (0, 4)])
    func dropFrames(leaving bytes: Int, dropped: Int) throws {
        var buffer = FrameBuffer(capacity: 4)
        buffer.isMarked = true
        // 12 or 13 bytes each: 62 in all.
        let frames = (0..<5).map { "id: \($0)\ndata\($0 % 2 == 0 ? "" : ":")\n\n" }
        var end = 0
        for (index, frame) in frames.enumerated() {
            end = buffer.count
            for byte in frame.utf8 { buffer.appendByte(byte) }
            buffer.frameCount += 1
            buffer.marks.append(FrameMark(end: buffer.count, idAt: end, idLength: 1, isEvent: index > 0))
        }
        let marks = buffer.marks
        #expect(buffer.removeFirstFrames(leaving: bytes, before: end) == dropped)
        let text = frames.dropFirst(dropped).joined()
        #expect(String(decoding: buffer.bytes, as: UTF8.self) == text)
        #expect(buffer.frameCount == 5 - dropped)
        let cut = frames.prefix(dropped).joined().utf8.count
        #expect(buffer.marks == marks.dropFirst(dropped).map { $0.moved(by: -cut) })
    }

    @Test("it is cut, not extended")
    func truncateBeyond() async {
        await #expect(processExitsWith: .failure) {
            var buffer = FrameBuffer(capacity: 4)
            buffer.truncate(to: 1)
        }
    }
}
