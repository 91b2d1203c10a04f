import Testing

@testable import PluginHost

@Suite("A route")
struct RoutePatternTests {
    @Test("is made of literals and placeholders")
    func segments() throws {
        let route = try RoutePattern(parsing: "/ticker/{symbol}/v1.0~-_!$&'()*+,;=:@/{n_2}")
        #expect(
            route.segments == [
                .literal("ticker"), .placeholder("symbol"), .literal("v1.0~-_!$&'()*+,;=:@"), .placeholder("n_2"),
            ])
        #expect(route.placeholders == ["symbol", "n_2"])
        #expect(route.shape == "/ticker/{}/v1.0~-_!$&'()*+,;=:@/{}")
        #expect(try RoutePattern(parsing: "/").segments.isEmpty)
    }

    @Test(
        "what is none is refused by the rule that it breaks",
        arguments: [
            ("", "does not begin with a slash"), ("ticker", "does not begin with a slash"),
            ("//", "has an empty segment"), ("/a/", "has an empty segment"), ("/a//b", "has an empty segment"),
            ("/./a", "which clients remove"), ("/a/..", "which clients remove"),
            ("/a b", "neither a {placeholder} nor plain path text"),
            ("/a%20b", "neither a {placeholder} nor plain path text"),
            ("/a?b", "neither a {placeholder} nor plain path text"),
            ("/a#b", "neither a {placeholder} nor plain path text"),
            ("/grün", "neither a {placeholder} nor plain path text"),
            ("/x{a}", "neither a {placeholder} nor plain path text"),
            ("/{a", "neither a {placeholder} nor plain path text"),
            ("/{}", "neither a {placeholder} nor plain path text"),
            ("/{a-b}", "cannot be a parameter's name"), ("/{{a}}", "cannot be a parameter's name"),
            ("/{a}/{a}", "has the placeholder {a} twice"),
            (String(repeating: "/a", count: 33), "has more than 32 segments"),
            ("/" + String(repeating: "a", count: 512), "has more than 512 bytes"),
        ])
    func refused(text: String, rule: String) throws {
        let defect = try #require(#expect(throws: Defect.self) { try RoutePattern(parsing: text) })
        #expect(defect.rule.contains(rule), "\(defect.rule)")
    }
}

@Suite("Texts that a plugin declares")
struct PluginTextTests {
    /// What a plugin's name becomes, or the rule that it breaks.
    private func name(_ text: String) -> String {
        text.withCString { text in
            do throws(Defect) {
                return try PluginText.declaredName(text, "its name")
            } catch {
                return error.rule
            }
        }
    }

    @Test("names", arguments: ["a", "0", "a.b-c_d", "stock-ticker2", String(repeating: "n", count: 64)])
    func names(text: String) {
        #expect(name(text) == text)
    }

    @Test("what is no name", arguments: ["", "A", "a ", "-a", "a-", ".a", "a/b", "é", "a{b}"])
    func noNames(text: String) {
        #expect(name(text) == "its name is \"\(text)\"")
    }

    @Test("a name that never ends is read no further than a name may reach")
    func endless() {
        #expect(name(String(repeating: "n", count: 65)) == "its name has more than 64 bytes")
        #expect(name("a\nb") == "its name contains a newline or another control character")
    }
}

@Suite("A header that a plugin adds")
struct ResponseHeaderTests {
    @Test(
        "what HTTP allows passes",
        arguments: [
            ("X-Trace", "1"), ("x", ""), ("Set-Cookie", "a=b; Path=/; HttpOnly"),
            ("Link", "<https://example.com/>; rel=\"next\""),
            ("X-Tab", "a\tb"), ("!#$%&'*+-.^_`|~09azAZ", "x"), ("Retry-After", "5"), ("Vary", "Origin"),
            ("Access-Control-Allow-Origin", "*"), ("X-Long", String(repeating: "v", count: 4096)),
        ])
    func allowed(name: String, value: String) {
        #expect(ResponseHeader.objection(to: name, value) == nil)
    }

    @Test(
        "what HTTP forbids does not",
        arguments: [
            ("", "x"), ("a b", "x"), ("a:", "x"), (":status", "200"), ("a\r\nb", "x"), ("é", "x"), ("a", "b\r\nc: d"),
            ("a", "b\n"),
            ("a", "b\0"), ("a", " b"), ("a", "b "), ("a", "\tb"), ("a", "ü"), ("a", "\u{7f}"),
            ("a", String(repeating: "v", count: 4097)), (String(repeating: "n", count: 129), "x"),
        ])
    func forbidden(name: String, value: String) throws {
        #expect(try #require(ResponseHeader.objection(to: name, value)).hasSuffix("that HTTP forbids"))
    }

    @Test(
        "what the server decides is its own, in any case of letters",
        arguments: [
            "Content-Type", "CONTENT-LENGTH", "content-encoding", "Connection", "Keep-Alive", "Transfer-Encoding",
            "Date",
            "Cache-Control", "X-Accel-Buffering", "X-Content-Type-Options", "Upgrade", "TE", "Trailer",
            "Proxy-Connection",
        ])
    func serverOwned(name: String) {
        #expect(ResponseHeader.objection(to: name, "x") == "was called for \(name), which only the server sets")
    }
}

@Suite("Lines about wrong calls")
struct LogLimitTests {
    @Test("a few of a kind are written in each period, and the next one counts the rest")
    func limit() {
        let limit = LogLimit()
        let written = (0..<20).map { _ in limit.admit(1, now: 100) }
        #expect(written == Array(repeating: 0, count: 5) + Array(repeating: nil, count: 15))
        #expect(limit.admit(2, now: 100) == 0)
        #expect(limit.admit(1, now: 100 + LogLimit.periodNanoseconds - 1) == nil)
        #expect(limit.admit(1, now: 100 + LogLimit.periodNanoseconds) == 16)
        #expect(limit.admit(1, now: 101 + LogLimit.periodNanoseconds) == 0)
    }

    @Test("kinds are forgotten before they are too many")
    func kinds() {
        let limit = LogLimit()
        for kind in 0..<UInt(10_000) { #expect(limit.admit(kind, now: 0) == 0) }
    }
}
