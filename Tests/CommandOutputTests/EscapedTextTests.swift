import Testing

@testable import CommandOutput

@Suite("Text that may come from anywhere")
struct EscapedTextTests {
    @Test(
        "between quotes it ends where it should",
        arguments: [
            ("", #""""#), ("a\"\\\n\u{1}\u{7f}ü🙂", #""a\"\\\n\u0001\u007fü🙂""#), ("\r\t\u{1f}", #""\r\t\u001f""#),
        ])
    func quoted(text: String, written: String) {
        #expect(EscapedText.quoted(text) == written)
    }

    @Test("on a terminal it only shows, and a line stays one unless lines are wanted")
    func printable() {
        #expect(EscapedText.printable("a\u{1b}[2J\n\"b\\ü") == "a\\u001b[2J\\n\"b\\ü")
        #expect(EscapedText.printableLines("a\u{7f}\nb\r") == "a\\u007f\nb\\r")
    }

    @Test("a date is that of UTC", arguments: [(0, "1970-01-01T00:00:00"), (1_795_403_700, "2026-11-23T03:15:00")])
    func date(seconds: Int, text: String) {
        #expect(utcDate(seconds: seconds) == text)
    }
}
