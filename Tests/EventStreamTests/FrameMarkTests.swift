import Testing

@testable import EventStream

@Suite("Frame marks")
struct FrameMarkTests {
    func marked() -> FrameBuffer {
        var frames = FrameBuffer(capacity: 1)
        frames.isMarked = true
        return frames
    }

    func text(_ frames: borrowing FrameBuffer, _ range: Range<Int>) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: frames.bytes[range]), as: UTF8.self)
    }

    @Test("each frame's end, and the position of its id after the type, with or without an id")
    func places() throws {
        var frames = marked()
        let events = [
            Event(data: "a"), Event(data: "b", type: "t", id: "é", comment: "c", retryMilliseconds: 1),
            Event(data: "c", type: "t"), Event(id: ""), Event(comment: "c"), Event(retryMilliseconds: 5),
        ]
        for event in events { try EventEncoder().encode(event, into: &frames) }
        #expect(frames.marks.map(\.isEvent) == [true, true, true, false, false, false])
        #expect(frames.marks.map(\.idLength) == [nil, 2, nil, 0, nil, nil])
        var start = 0
        for (mark, event) in zip(frames.marks, events) {
            #expect(text(frames, start..<mark.end) == String(decoding: try encode(event), as: UTF8.self))
            #expect(text(frames, start..<mark.idAt) == (event.type.map { "event: \($0)\n" } ?? ""))
            if let id = event.id {
                #expect(text(frames, mark.idAt..<mark.idAt + 4 + mark.idLength! + 1) == "id: \(id)\n")
            }
            start = mark.end
        }
        #expect(start == frames.count)
    }

    @Test("nothing is marked unless requested, and nothing for rejected events")
    func unmarked() throws {
        var plain = FrameBuffer(capacity: 1)
        try EventEncoder().encode(Event(data: "a"), into: &plain)
        #expect(plain.marks.isEmpty)
        var frames = marked()
        #expect(throws: EncodingFault.self) { try EventEncoder().encode(Event(), into: &frames) }
        #expect(throws: EncodingFault.self) { try EventEncoder().encode(Event(data: "a", id: "b\nc"), into: &frames) }
        #expect(frames.marks.isEmpty && frames.isEmpty)
    }

    @Test("frames that are appended to others keep their marks")
    func appended() throws {
        var first = marked()
        var second = marked()
        try EventEncoder().encode(Event(data: "a", id: "1"), into: &first)
        try EventEncoder().encode(Event(data: "b", id: "22"), into: &second)
        let alone = second.marks[0]
        let offset = first.count
        first.append(framesOf: second)
        #expect(first.frameCount == 2)
        #expect(
            first.marks[1]
                == FrameMark(end: alone.end + offset, idAt: alone.idAt + offset, idLength: 2, isEvent: true))
        first.removeAll()
        #expect(first.marks.isEmpty && first.isMarked)
    }

    @Test("the notice of a gap has its own event type, with the oldest id as JSON")
    func gap() {
        #expect(
            String(decoding: frame { HostFrames.writeGap(to: &$0, oldestID: nil, lost: nil) }, as: UTF8.self)
                == "event: sluice-gap\ndata: {\"oldest\":null}\n\n")
        var parser = EventParser()
        let events = parser.feed(frame { HostFrames.writeGap(to: &$0, oldestID: "a\"\\\u{1}é", lost: 3) })
        #expect(events == [Event(data: "{\"oldest\":\"a\\\"\\\\\\u0001é\",\"lost\":3}", type: "sluice-gap", id: "")])
        #expect(parser.lastEventID == "", "it does not change what the client says when it comes back")
    }
}
