import TestSupport
import Testing

@testable import SluiceCommand

@Suite("Reading JSON")
struct JSONParserTests {
    @Test(
        "a value is read as it is written",
        arguments: [
            (" null ", JSONValue.null), ("true", .bool(true)), ("false", .bool(false)), ("-17", .integer(-17)),
            ("0", .integer(0)),
            ("2.5e2", .real(250)), ("1e400", nil), ("99999999999999999999", .real(1e20)), ("\"\"", .text("")),
            (#""a\"\\\/\b\f\n\r\t\u00fc\ud83d\ude00ß""#, .text("a\"\\/\u{8}\u{c}\n\r\tü😀ß")), ("[]", .array([])),
            ("[1, [2],{}]", .array([.integer(1), .array([.integer(2)]), .object([])])),
            (#"{"b": 1, "a": {"c": null}}"#, .object([("b", .integer(1)), ("a", .object([("c", .null)]))])),
        ] as [(String, JSONValue?)])
    func values(text: String, value: JSONValue?) {
        #expect(JSONParser.parse(Array(text.utf8)) == value)
    }

    @Test(
        "what is not exactly one value is none",
        arguments: [
            "", " ", "nul", "nulll", "truefalse", "1 2", "+1", "01", "-", "1.", ".5", "1.e3", "1e", "NaN", "Infinity",
            "'a'", "\"a",
            "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "[1",
            "[1,]",
            "[,1]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "]", "\u{feff}1",
        ])
    func refused(text: String) {
        #expect(JSONParser.parse(Array(text.utf8)) == nil)
    }

    @Test("bytes that are not UTF-8, and nesting without end, are refused")
    func hostile() {
        #expect(JSONParser.parse([0x22, 0xff, 0x22]) == nil)
        #expect(JSONParser.parse([UInt8](repeating: UInt8(ascii: "["), count: 100_000)) == nil)
        #expect(JSONParser.parse(Array(String(repeating: "{\"a\":", count: 100_000).utf8)) == nil)
        #expect(
            JSONParser.parse(Array((String(repeating: "[", count: 32) + String(repeating: "]", count: 32)).utf8)) != nil
        )
    }

    @Test("what is written on one line reads as what it was")
    func roundTrip() throws {
        var random = SeededRandom.fromEnvironment(test: "JSONParserTests.roundTrip")
        for _ in 0..<300 {
            let value = Self.value(&random, depth: 4)
            let line = value.compact()
            #expect(!line.contains("\n"))
            #expect(JSONParser.parse(Array(line.utf8)) == value, "\(line)")
            #expect(JSONParser.parse(Array(value.pretty().utf8)) == value)
            // Damaged, it is read as something or nothing, but it is read.
            var bytes = Array(line.utf8)
            if let index = bytes.indices.randomElement(using: &random) {
                bytes[index] = .random(in: 0...255, using: &random)
            }
            _ = JSONParser.parse(bytes)
            _ = JSONParser.parse(bytes.prefix(bytes.count / 2))
        }
    }

    private static func value(_ random: inout SeededRandom, depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
        case 0: .null
        case 1: .bool(.random(using: &random))
        case 2: .integer(.random(in: .min ... .max, using: &random))
        case 3: .real(Double(Int.random(in: -1000...1000, using: &random)) + 0.5)
        case 4:
            .text(
                String(
                    String.UnicodeScalarView(
                        (0..<Int.random(in: 0..<12, using: &random)).compactMap { _ in
                            Unicode.Scalar(UInt32.random(in: 0..<0x2_0000, using: &random))
                        })))
        case 5: .array((0..<Int.random(in: 0..<4, using: &random)).map { _ in value(&random, depth: depth - 1) })
        default:
            .object((0..<Int.random(in: 0..<4, using: &random)).map { ("k\($0)", value(&random, depth: depth - 1)) })
        }
    }
}
