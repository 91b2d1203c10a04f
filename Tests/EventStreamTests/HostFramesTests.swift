import Testing

@testable import EventStream

@Suite("The host's own frames")
struct HostFramesTests {
    @Test("each is exactly as in its golden file, and counts as one frame")
    func golden() throws {
        let frames: [(String, (inout FrameBuffer) -> Void)] = [
            ("host-preamble", { HostFrames.writePreamble(to: &$0, retryMilliseconds: 1987) }),
            ("host-preamble-once", { HostFrames.writePreamble(to: &$0, retryMilliseconds: nil) }),
            (
                "host-preamble-anchor",
                { HostFrames.writePreamble(to: &$0, retryMilliseconds: 2, anchor: Array("é-7".utf8)) }
            ),
            ("host-keep-alive", { HostFrames.writeKeepAlive(to: &$0) }),
            ("host-finished", { HostFrames.writeFinished(to: &$0) }),
            ("host-stream-error", { HostFrames.writeStreamError("the sensor is gone\r\n\nnäher", to: &$0) }),
            ("host-stream-error-empty", { HostFrames.writeStreamError("", to: &$0) }),
            ("host-farewell", { HostFrames.writeFarewell(to: &$0, retryMilliseconds: 2100) }),
        ]
        for (name, append) in frames {
            let expected = try Golden.bytes(name)
            #expect(frame(append) == expected, "\(name)")
            var buffer = FrameBuffer(capacity: 1)
            append(&buffer)
            #expect(buffer.frameCount == 1, "\(name)")
        }
    }

    @Test("frames between events belong to the next one, and dispatch nothing themselves")
    func betweenEvents() throws {
        var parser = EventParser(reporting: .blocks)
        #expect(parser.feed(frame { HostFrames.writePreamble(to: &$0, retryMilliseconds: 1500) }).isEmpty)
        #expect(parser.feed(frame { HostFrames.writeKeepAlive(to: &$0) }).isEmpty)
        #expect(
            parser.feed(try encode(Event(data: "a", id: "1")))
                == [Event(data: "a", id: "1", comment: "sluice\n", retryMilliseconds: 1500)])
        #expect(parser.feed(frame { HostFrames.writeKeepAlive(to: &$0) }).isEmpty)
        #expect(parser.feed(try encode(Event(data: "b"))) == [Event(data: "b", comment: "")])
        #expect(parser.feed(frame { HostFrames.writeFarewell(to: &$0, retryMilliseconds: 0) }).isEmpty)
        #expect(parser.retryMilliseconds == 0)
    }

    @Test("a new subscriber gets an id to resume from, without a message event")
    func anchor() {
        var parser = EventParser()
        let events = parser.feed(
            frame { HostFrames.writePreamble(to: &$0, retryMilliseconds: 1500, anchor: Array("e-0".utf8)) })
        #expect(events == [Event(data: "", type: "sluice-open", id: "e-0")])
        #expect(parser.lastEventID == "e-0")
    }

    @Test("only the failure is dispatched")
    func dispatched() {
        var parser = EventParser()
        #expect(parser.feed(frame { HostFrames.writePreamble(to: &$0, retryMilliseconds: 1500) }).isEmpty)
        #expect(parser.retryMilliseconds == 1500)
        #expect(parser.feed(frame { HostFrames.writeKeepAlive(to: &$0) }).isEmpty)
        #expect(parser.feed(frame { HostFrames.writeFarewell(to: &$0, retryMilliseconds: 0) }).isEmpty)
        #expect(parser.retryMilliseconds == 0)
        let failure = parser.feed(frame { HostFrames.writeStreamError("gone", to: &$0) })
        #expect(failure == [Event(data: "gone", type: "stream-error", id: "")])
    }

    @Test("a client that has seen the end of a stream reports it when it reconnects")
    func finished() {
        var parser = EventParser()
        #expect(parser.feed(Array("id: 7\ndata: last\n\n".utf8)) == [Event(data: "last", id: "7")])
        #expect(!EventID.isFinished(parser.lastEventID))
        let end = parser.feed(frame { HostFrames.writeFinished(to: &$0) })
        #expect(end == [Event(data: "", type: "sluice-end", id: "sluice-end")])
        #expect(EventID.isFinished(parser.lastEventID))
        #expect(!EventID.isFinished(nil))
        #expect(!EventID.isFinished(""))
    }
}
