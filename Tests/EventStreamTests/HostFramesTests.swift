import Testing

@testable import EventStream

@Suite("The host's own frames")
struct HostFramesTests {
    @Test("each is byte for byte as its golden file says, and counts as one frame")
    func golden() throws {
        let frames: [(String, (inout FrameBuffer) -> Void)] = [
            ("host-preamble", { $0.appendPreamble(retryMilliseconds: 1987) }),
            ("host-preamble-once", { $0.appendPreamble(retryMilliseconds: nil) }),
            ("host-preamble-anchor", { $0.appendPreamble(retryMilliseconds: 2, anchor: Array("é-7".utf8)) }),
            ("host-keep-alive", { $0.appendKeepAlive() }),
            ("host-finished", { $0.appendFinished() }),
            ("host-stream-error", { $0.appendStreamError("the sensor is gone\r\n\nnäher") }),
            ("host-stream-error-empty", { $0.appendStreamError("") }),
            ("host-farewell", { $0.appendFarewell(retryMilliseconds: 2100) }),
        ]
        for (name, append) in frames {
            let expected = try Golden.bytes(name)
            #expect(frame(append) == expected, "\(name)")
            var buffer = FrameBuffer(capacity: 1)
            append(&buffer)
            #expect(buffer.frameCount == 1, "\(name)")
        }
    }

    @Test("what comes between events belongs to the next one, and dispatches nothing by itself")
    func betweenEvents() throws {
        var parser = EventParser(reporting: .blocks)
        #expect(parser.feed(frame { $0.appendPreamble(retryMilliseconds: 1500) }).isEmpty)
        #expect(parser.feed(frame { $0.appendKeepAlive() }).isEmpty)
        #expect(
            parser.feed(try encode(Event(data: "a", id: "1")))
                == [Event(data: "a", id: "1", comment: "sluice\n", retryMilliseconds: 1500)])
        #expect(parser.feed(frame { $0.appendKeepAlive() }).isEmpty)
        #expect(parser.feed(try encode(Event(data: "b"))) == [Event(data: "b", comment: "")])
        #expect(parser.feed(frame { $0.appendFarewell(retryMilliseconds: 0) }).isEmpty)
        #expect(parser.retryMilliseconds == 0)
    }

    @Test("a newcomer keeps the id of its place, and nobody who listens to messages is told")
    func anchor() {
        var parser = EventParser()
        let events = parser.feed(frame { $0.appendPreamble(retryMilliseconds: 1500, anchor: Array("e-0".utf8)) })
        #expect(events == [Event(data: "", type: "sluice-open", id: "e-0")])
        #expect(parser.lastEventID == "e-0")
    }

    @Test("only the failure is dispatched")
    func dispatched() {
        var parser = EventParser()
        #expect(parser.feed(frame { $0.appendPreamble(retryMilliseconds: 1500) }).isEmpty)
        #expect(parser.retryMilliseconds == 1500)
        #expect(parser.feed(frame { $0.appendKeepAlive() }).isEmpty)
        #expect(parser.feed(frame { $0.appendFarewell(retryMilliseconds: 0) }).isEmpty)
        #expect(parser.retryMilliseconds == 0)
        let failure = parser.feed(frame { $0.appendStreamError("gone") })
        #expect(failure == [Event(data: "gone", type: "stream-error", id: "")])
    }

    @Test("a client that saw the end of a stream says so when it comes back")
    func finished() {
        var parser = EventParser()
        #expect(parser.feed(Array("id: 7\ndata: last\n\n".utf8)) == [Event(data: "last", id: "7")])
        #expect(!EventID.isFinished(parser.lastEventID))
        let end = parser.feed(frame { $0.appendFinished() })
        #expect(end == [Event(data: "", type: "sluice-end", id: "sluice-end")])
        #expect(EventID.isFinished(parser.lastEventID))
        #expect(!EventID.isFinished(nil))
        #expect(!EventID.isFinished(""))
    }
}
