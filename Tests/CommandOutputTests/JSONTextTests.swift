import Testing

@testable import CommandOutput

@Suite("JSON for programs")
struct JSONTextTests {
    private struct Value: Codable, Equatable {
        var plainText = "a"
        var maybe: Int?
        @OrNull var always: Int?
        var nested: [Inner] = []

        struct Inner: Codable, Equatable { @OrNull var innerText: String? }
    }

    private func line(_ value: some Encodable) -> String { String(decoding: JSONText.line(value), as: UTF8.self) }

    @Test("members are in snake case and in alphabetical order; those that are always present are null without a value")
    func members() {
        #expect(line(Value()) == #"{"always":null,"nested":[],"plain_text":"a"}"#)
        let value = Value(maybe: 1, always: 2, nested: [.init(innerText: nil), .init(innerText: "b")])
        #expect(
            line(value)
                == #"{"always":2,"maybe":1,"nested":[{"inner_text":null},{"inner_text":"b"}],"plain_text":"a"}"#)
        #expect(JSONText.decoded(Value.self, from: JSONText.line(value)) == value)
        #expect(JSONText.decoded(Value.self, from: JSONText.pretty(value)) == value)
    }

    @Test("the keys of a dictionary are not changed")
    func dictionaries() {
        #expect(line(["next, median of 7": "0.8 µs", "aKey": "/x"]) == #"{"aKey":"/x","next, median of 7":"0.8 µs"}"#)
    }

    @Test("no text can end its string early or control a terminal")
    func texts() {
        let nasty = "\" \\ \n \r \t \u{1}\u{1b}\u{7f} ü\u{2028}🙂"
        for bytes in [JSONText.line([nasty]), JSONText.pretty([nasty]).dropLast()] {
            #expect(!bytes.contains { $0 < 0x20 && $0 != UInt8(ascii: "\n") || $0 == 0x7f })
            #expect(JSONText.decoded([String].self, from: bytes) == [nasty])
        }
        #expect(!JSONText.line([nasty]).contains(UInt8(ascii: "\n")))
    }

    @Test("numbers are written exactly")
    func numbers() {
        #expect(line([0, -17, Int.max]) == "[0,-17,9223372036854775807]")
        #expect(line([0.001, 11520.5, 12]) == "[0.001,11520.5,12]")
    }

    @Test(
        "invalid JSON and missing required members are rejected",
        arguments: ["", "{", "[]", "null", "{}", #"{"plain_text":1,"nested":[]}"#, #"{"plain_text":"a","nested":[]"#])
    func refused(text: String) {
        #expect(JSONText.decoded(Value.self, from: text.utf8) == nil)
    }

    @Test("unknown members are ignored, and those that are always written can be missing")
    func otherVersions() {
        let text = #"{"plain_text":"a","nested":[{}],"someday":{"x":[1,null]}}"#
        #expect(JSONText.decoded(Value.self, from: text.utf8) == Value(nested: [.init(innerText: nil)]))
    }

    @Test("bytes that are not UTF-8, and endless nesting, are rejected")
    func hostile() {
        #expect(JSONText.decoded([String].self, from: [0x5b, 0x22, 0xff, 0x22, 0x5d]) == nil)
        #expect(JSONText.decoded(Value.self, from: [UInt8](repeating: UInt8(ascii: "["), count: 100_000)) == nil)
        #expect(JSONText.decoded(Value.self, from: String(repeating: "{\"a\":", count: 100_000).utf8) == nil)
    }
}
