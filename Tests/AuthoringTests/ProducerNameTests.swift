import CommandOutput
import Testing

@testable import Authoring

@Suite("The name of a new producer")
struct ProducerNameTests {
    @Test(
        "as C and as Swift spell it",
        arguments: [
            ("hello", "hello", "Hello"), ("my-ticker", "my_ticker", "MyTicker"), ("a.b_c-d2", "a_b_c_d2", "ABCD2"),
            ("x", "x", "X"),
        ])
    func spellings(text: String, c: String, swift: String) throws {
        let name = try ProducerName(text)
        #expect(name.identifier == c)
        #expect(name.typeName == swift)
    }

    @Test(
        "never one that Swift or the library has", arguments: ["self", "type", "producer", "request", "string", "task"])
    func taken(text: String) throws {
        #expect(try ProducerName(text).typeName.hasSuffix("Events"))
    }

    @Test(
        "what is none is refused by the rule",
        arguments: [
            "", "Hello", "2fast", "-a", "a-", "a.", "a b", "a/b", "..", "é", "a\n", String(repeating: "a", count: 65),
        ])
    func refused(text: String) {
        #expect(throws: UsageError("'\(text)' can't be the name of a producer: \(ProducerName.rule)")) {
            try ProducerName(text)
        }
    }

    @Test("64 characters are not too many")
    func longest() throws {
        #expect(try ProducerName(String(repeating: "a", count: 64)).text.count == 64)
    }
}
