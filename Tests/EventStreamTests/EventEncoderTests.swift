import Testing

@testable import EventStream

@Suite("Event encoder")
struct EventEncoderTests {
    static let golden: [(String, Event)] = [
        ("data-one-line", Event(data: #"{"hello":"world"}"#)),
        ("data-line-ends", Event(data: "one\ntwo\r\nthree\rfour")),
        ("data-blank-lines", Event(data: "one\n\ntwo\r\n\r\nthree")),
        ("data-return-then-line-feed-return", Event(data: "one\r\n\rtwo")),
        ("data-trailing-line-feed", Event(data: "a\n")),
        ("data-trailing-return", Event(data: "a\r")),
        ("data-trailing-both", Event(data: "a\r\n")),
        ("data-only-line-ends", Event(data: "\n\r\r\n")),
        ("data-leading-line-end", Event(data: "\ra")),
        ("data-empty", Event(data: "")),
        ("data-missing", Event(type: "tick")),
        ("data-leading-spaces", Event(data: "  two spaces\n one\n:colon")),
        ("data-multibyte", Event(data: "Grüße, мир, 世界, 🌍\né\r\n🌍")),
        ("data-separators-that-are-no-line-ends", Event(data: "a\u{85}b\u{2028}c\u{2029}d\u{b}e")),
        ("data-nul", Event(data: "a\0b")),
        ("data-byte-order-mark", Event(data: "\u{FEFF}a")),
        ("comment", Event(comment: "hello")),
        ("comment-lines", Event(comment: "one\rtwo\r\nthree\n")),
        ("comment-empty", Event(comment: "")),
        ("retry-zero", Event(retryMilliseconds: 0)),
        ("retry-largest", Event(data: "x", retryMilliseconds: .max)),
        ("id-only", Event(id: "17")),
        ("id-empty", Event(data: "x", id: "")),
        ("id-and-data", Event(data: "x", id: "17", retryMilliseconds: -1)),
        ("id-multibyte", Event(data: "x", id: "größe-世")),
        ("type-empty", Event(data: "x", type: "")),
        (
            "everything",
            Event(
                data: "{\n  \"price\": 1\r\n}", type: "trade", id: "2026-11-23/7", comment: "first\nsecond",
                retryMilliseconds: 2500)
        ),
    ]

    @Test("an event is encoded exactly as in its golden file", arguments: golden)
    func goldenFile(name: String, event: Event) throws {
        let expected = try Golden.bytes(name)
        #expect(try encode(event) == expected)
    }

    @Test("a retry of any size is written in full", arguments: [1, 9, 10, 99, 100, 12345, 999_999_999_999, .max - 1])
    func retry(milliseconds: Int64) throws {
        #expect(try encode(Event(retryMilliseconds: milliseconds)) == Array("retry: \(milliseconds)\n\n".utf8))
    }

    @Test("a line end is found at every position in texts of every length")
    func lineEndAnywhere() throws {
        for length in 1...50 {
            for place in 0..<length {
                for end in ["\n", "\r", "\r\n"] {
                    let head = String(repeating: "h", count: place)
                    let tail = String(repeating: "t", count: length - place - 1)
                    let bytes = try encode(Event(data: head + end + tail))
                    #expect(bytes == Array("data: \(head)\ndata: \(tail)\n\n".utf8))
                }
            }
        }
    }

    @Test("a scalar of each length is passed on at every position", arguments: ["é", "世", "🌍", "\u{7f}", "\u{80}"])
    func scalarAnywhere(scalar: String) throws {
        for length in 0...40 {
            for place in 0...length {
                let text =
                    String(repeating: "a", count: place) + scalar + String(repeating: "b", count: length - place)
                #expect(try encode(Event(data: text)) == Array("data: \(text)\n\n".utf8))
            }
        }
    }

    @Test("frames follow one another and are counted")
    func several() throws {
        var frames = FrameBuffer(capacity: 8)
        for number in 1...100 {
            try EventEncoder().encode(Event(data: "\(number)"), into: &frames)
        }
        #expect(frames.frameCount == 100)
        #expect(Array(frames.bytes) == Array((1...100).map { "data: \($0)\n\n" }.joined().utf8))
    }
}
