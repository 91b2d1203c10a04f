import CommandOutput
import Testing

@testable import Authoring

@Suite("The name of a new producer")
struct ProducerNameTests {
    @Test(
        "is converted to identifiers of C and Swift",
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
        "never a name of Swift or the library", arguments: ["self", "type", "producer", "request", "string", "task"])
    func taken(text: String) throws {
        #expect(try ProducerName(text).typeName.hasSuffix("Events"))
    }

    @Test(
        "is refused with the rule if it is invalid",
        arguments: [
            "", "Hello", "2fast", "-a", "a-", "a.", "a b", "a/b", "..", "é", "a\n", String(repeating: "a", count: 65),
        ])
    func refused(text: String) {
        #expect(throws: UsageError("'\(text)' can't be the name of a producer: \(ProducerName.rule)")) {
            try ProducerName(text)
        }
    }

    @Test("can have 64 characters")
    func longest() throws {
        #expect(try ProducerName(String(repeating: "a", count: 64)).text.count == 64)
    }
}
