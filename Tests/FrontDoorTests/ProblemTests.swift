import EventStream
import ProducerInterface
import Testing

@testable import FrontDoor

@Suite("Texts of responses")
struct ProblemTests {
    @Test(
        "Any text becomes one valid JSON string",
        arguments: [
            ("", #""""#), ("a\"b\\c", #""a\"b\\c""#), ("\r\n\t\0\u{1f}\u{7f}", #""\r\n\t\u0000\u001f\u007f""#),
            ("é</script>😀", #""é\u003c/script>😀""#),
        ])
    func json(text: String, expected: String) {
        var bytes: [UInt8] = []
        bytes.appendJSON(text)
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }

    @Test(
        "Dates are those of RFC 9110",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_709_210_096, "Thu, 29 Feb 2024 12:34:56 GMT"),
        ])
    func dates(second: Int, expected: String) {
        #expect(HTTPDate.format(second) == expected)
    }

    @Test("A producer can add headers, but can't split or reframe the response")
    func headers() {
        for header in [("X-A", "b"), ("Set-Cookie", "a=b; Path=/"), ("Vary", "Origin"), ("x-e", ""), ("X", "é\t")] {
            #expect(ProducerResponses.allows(.init(header.0, header.1)))
        }
        for header in [
            ("", "a"), ("a b", "c"), ("a:", "b"), ("a\r\nb", "c"), ("a", "b\nc"), ("a", "b\rc"), ("a", "b\0"),
            ("é", "a"),
            ("CONTENT-length", "1"), ("Transfer-Encoding", "chunked"), ("connection", "keep-alive"),
        ] {
            #expect(!ProducerResponses.allows(.init(header.0, header.1)))
        }
    }

    @Test("Refused clients get different times to reconnect within the range")
    func jitter() {
        let range = Duration.seconds(5)...(.seconds(15))
        let waits = (0..<100).map { _ in TurnedAway.wait(in: range) }
        #expect(waits.allSatisfy(range.contains))
        #expect(Set(waits).count > 50)
        #expect(TurnedAway.wait(in: .seconds(1)...(.seconds(1))) == .seconds(1))
    }
}
