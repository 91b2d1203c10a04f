import Testing

@testable import CommandOutput

@Suite("Text from untrusted places")
struct EscapedTextTests {
    @Test(
        "quoted, it ends where it should",
        arguments: [
            ("", #""""#), ("a\"\\\n\u{1}\u{7f}ü🙂", #""a\"\\\n\u0001\u007fü🙂""#), ("\r\t\u{1f}", #""\r\t\u001f""#),
        ])
    func quoted(text: String, written: String) {
        #expect(EscapedText.quoted(text) == written)
    }

    @Test("on a terminal it has no effect, and stays on one line unless several are wanted")
    func printable() {
        #expect(EscapedText.printable("a\u{1b}[2J\n\"b\\ü") == "a\\u001b[2J\\n\"b\\ü")
        #expect(EscapedText.printableLines("a\u{7f}\nb\r") == "a\\u007f\nb\\r")
    }

    @Test("dates are in UTC", arguments: [(0, "1970-01-01T00:00:00"), (1_795_403_700, "2026-11-23T03:15:00")])
    func date(seconds: Int, text: String) {
        #expect(utcDate(seconds: seconds) == text)
    }
}
