import ProducerInterface
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Request target")
struct RequestTargetTests {
    @Test(
        "The path stays as sent; the query is decoded",
        arguments: [
            ("/a/b", "/a/b", []),
            ("/a%20b/%2F?x=1", "/a%20b/%2F", [("x", "1")]),
            ("/a+b?x=a+b%2B", "/a+b", [("x", "a b+")]),
            ("/?", "/", []),
            ("/?&&a&=b&a==&", "/", [("a", ""), ("", "b"), ("a", "=")]),
            ("/?a=?/&b=%C3%A9", "/", [("a", "?/"), ("b", "é")]),
            ("http://host:80/p?q=1", "/p", [("q", "1")]),
            ("HTTP://host", "/", []),
            ("http://host?q=1", "/", [("q", "1")]),
            ("/...", "/...", []),
            ("*", "*", []),
        ])
    func table(text: String, path: String, query: [(String, String)]) throws {
        let target = try RequestTarget(text)
        #expect(target.path == path)
        #expect(target.query == query.map { StreamRequest.Field($0.0, $0.1) })
    }

    @Test(
        "Invalid targets are rejected with the reason",
        arguments: [
            ("", TargetFault.noPath), ("a", .noPath), ("ftp://host/", .noPath),
            ("/a b", .badCharacter), ("/é", .badCharacter), ("/a#b", .badCharacter), ("/\u{7f}", .badCharacter),
            ("/..", .dotSegment), ("/a/./b", .dotSegment), ("/%2e%2E/b", .dotSegment), ("/.%2e", .dotSegment),
            ("/%00", .nulInPath),
            ("/%", .badEscape("%")), ("/%a", .badEscape("%a")), ("/%gg", .badEscape("%gg")),
            ("/?%+1", .badEscape("%+1")),
            ("/%ff", .notUTF8("%ff")), ("/?a=%ed%a0%80", .notUTF8("%ed%a0%80")),
        ])
    func faults(text: String, fault: TargetFault) {
        #expect(throws: fault) { try RequestTarget(text) }
    }

    @Test("No text makes it trap, and what it accepts it accepts again after encoding")
    func random() throws {
        var random = SeededRandom.fromEnvironment(test: "request targets")
        let pieces = ["/", "%", "%2", "%2e", ".", "a", "?", "&", "=", "+", "%c3%a9", "%c3", "http://", "%00", ";", "~"]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...8, using: &random)
            let text = "/" + (0..<count).map { _ in pieces.randomElement(using: &random)! }.joined()
            guard let target = try? RequestTarget(text) else { continue }
            let query = target.query.map { Self.encode($0.name) + "=" + Self.encode($0.value) }.joined(separator: "&")
            try #expect(RequestTarget(target.path + "?" + query) == target)
        }
    }

    private static func encode(_ text: String) -> String {
        text.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
