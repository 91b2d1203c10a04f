import Testing

@testable import EventStream

@Suite("Event parser")
struct EventParserTests {
    /// The text of a stream, and the events that an EventSource dispatches.
    static let dispatched: [(String, [Event])] = [
        // The examples of WHATWG HTML 9.2.6.
        ("data: YHOO\ndata: +2\ndata: 10\n\n", [Event(data: "YHOO\n+2\n10", id: "")]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
            [Event(data: "first event", id: "1"), Event(data: "second event", id: "")]
        ),
        ("data\n\ndata\ndata\n\ndata:", [Event(data: "", id: ""), Event(data: "\n", id: "")]),
        ("data:test\n\ndata: test\n\n", [Event(data: "test", id: ""), Event(data: "test", id: "")]),
        // Line ends.
        ("data: a\r\rdata: b\r\n\r\ndata: c\n\n", ["a", "b", "c"].map { Event(data: $0, id: "") }),
        ("data: a\r\ndata: b\rdata: c\ndata: d\r\n\n", [Event(data: "a\nb\nc\nd", id: "")]),
        ("\n\n\r\r\n\ndata: a\n\n\n\n", [Event(data: "a", id: "")]),
        // A byte order mark is only removed at the beginning, and once.
        ("\u{FEFF}data: a\n\n\u{FEFF}data: b\n\n", [Event(data: "a", id: "")]),
        ("\u{FEFF}\u{FEFF}data: a\n\n", []),
        // Exactly one space is removed.
        ("data:  a\n\ndata:\tb\n\ndata: \n\n", [" a", "\tb", ""].map { Event(data: $0, id: "") }),
        // Unknown fields, and names that are not exactly right, are ignored.
        ("DATA: a\ndata : b\n data: c\nfoo: d\ndata\u{0}: e\ndata: f\n\n", [Event(data: "f", id: "")]),
        ("data:a:b: c\n\n", [Event(data: "a:b: c", id: "")]),
        // The type only applies to its block, dispatched or not; an empty one is "message".
        ("event: x\n\ndata: a\n\n", [Event(data: "a", id: "")]),
        ("event: x\ndata: a\n\ndata: b\n\n", [Event(data: "a", type: "x", id: ""), Event(data: "b", id: "")]),
        ("event: x\nevent:\ndata: a\n\n", [Event(data: "a", id: "")]),
        ("event: x\nevent: y\ndata: a\n\n", [Event(data: "a", type: "y", id: "")]),
        // The id is kept until the next one; an id with a NUL is ignored.
        ("id: 1\n\ndata: a\n\ndata: b\n\n", [Event(data: "a", id: "1"), Event(data: "b", id: "1")]),
        ("id: 1\nid: 2\u{0}\ndata: a\n\n", [Event(data: "a", id: "1")]),
        ("id: 1\ndata: a\n\nid:\ndata: b\n\n", [Event(data: "a", id: "1"), Event(data: "b", id: "")]),
        // A block without a blank line at its end is dropped.
        ("data: a\n\ndata: b\nid: 9\n", [Event(data: "a", id: "")]),
        // Only CR and LF end a line.
        ("data: a\u{2028}b\u{85}c\u{c}d\n\n", [Event(data: "a\u{2028}b\u{85}c\u{c}d", id: "")]),
    ]

    @Test("a stream is dispatched as specified, however it is split", arguments: dispatched)
    func stream(text: String, expected: [Event]) {
        let bytes = Array(text.utf8)
        for size in 1...max(1, bytes.count) {
            var parser = EventParser()
            var events: [Event] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                events += parser.feed(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(events == expected, "in pieces of \(size) bytes")
        }
    }

    @Test("an event is dispatched as soon as its blank line is there, even if that ends with CR")
    func dispatchedAtOnce() {
        var parser = EventParser()
        #expect(parser.feed(Array("data: a\r\n\r".utf8)) == [Event(data: "a", id: "")])
        #expect(parser.feed(Array("\n".utf8)).isEmpty)
        #expect(parser.feed(Array("data: b\n\n".utf8)) == [Event(data: "b", id: "")])
    }

    @Test("an id takes effect once its block is complete, with or without data")
    func lastEventID() {
        var parser = EventParser()
        #expect(parser.lastEventID == "")
        #expect(parser.feed(Array("id: 1\n".utf8)).isEmpty)
        #expect(parser.lastEventID == "")
        #expect(parser.feed(Array("\nid: 2\n".utf8)).isEmpty)
        #expect(parser.lastEventID == "1")
    }

    @Test(
        "a reconnection time consists only of digits",
        arguments: [
            ("retry: 1500\n", 1500), ("retry:0\n", 0), ("retry: 007\n", 7), ("retry: 99999999999999999999\n", .max),
            ("retry: -1\n", nil), ("retry: 1.5\n", nil), ("retry: 15x\n", nil), ("retry:  15\n", nil), ("retry\n", nil),
            ("retry: ١٥\n", nil), ("retry: 1500\nretry: x\n", 1500),
        ] as [(String, Int64?)])
    func retry(text: String, expected: Int64?) {
        var parser = EventParser()
        #expect(parser.feed(Array(text.utf8)).isEmpty)
        #expect(parser.retryMilliseconds == expected)
    }

    @Test("bytes that are not UTF-8 are replaced")
    func repaired() {
        var parser = EventParser()
        #expect(
            parser.feed([UInt8]("data: a".utf8) + [0xFF] + [UInt8]("b\n\n".utf8)) == [Event(data: "a\u{FFFD}b", id: "")]
        )
    }

    @Test("blocks are reported exactly as sent")
    func blocks() {
        var parser = EventParser(reporting: .blocks)
        let text = ": hello\n: there\n\n\nid: 1\n\ndata: a\nretry: 5\nevent:\n\n:\n\nunknown\n\n"
        #expect(
            parser.feed(Array(text.utf8)) == [
                Event(comment: "hello\nthere"), Event(id: "1"), Event(data: "a", type: "", retryMilliseconds: 5),
                Event(comment: ""),
            ])
    }
}
