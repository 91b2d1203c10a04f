import Testing

@testable import Settings

@Suite("Settings about tokens")
struct TokenSettingTests {
    private func settings(_ file: String = "", flags: [String: String] = [:]) throws -> Settings {
        try Settings(
            SettingSources(
                flags: flags, environment: [:], file: ConfigurationFile(parsing: file, path: "s.yaml")))
    }

    @Test("a client needs a token where there are keys or tokens, unless auth says otherwise")
    func policy() throws {
        func policy(_ file: String, of producer: String? = nil) throws -> TokenPolicy {
            let settings = try settings(file)
            return (producer.flatMap { settings.producers[$0] } ?? settings.anyProducer).tokenPolicy
        }
        #expect(try policy("") == .none)
        #expect(try policy("auth-keys: k") == .required && policy("auth-tokens: t") == .required)
        #expect(try policy("auth: {keys: k, mode: optional}") == .optional)
        #expect(try policy("auth: none\nauth-keys: k") == .none)
        let file =
            "auth: {keys: k, mode: none}\naccess: {a: {auth: required}, b: {auth: {tokens: t}}, c: {auth: none}, d: {}}"
        #expect(try policy(file) == .none && policy(file, of: "a") == .required && policy(file, of: "b") == .required)
        #expect(try policy(file, of: "c") == .none && policy(file, of: "d") == .none)
        #expect(try policy("auth-keys: k\naccess: {c: {auth: none}}", of: "c") == .none)
    }

    @Test("a producer's own keys replace the common ones with all that belongs to them; its mode alone does not")
    func scopes() throws {
        let settings = try settings(
            """
            auth: {keys: [a, "b kid=1 alg=RS256", "env:SECRET"], issuers: x, audiences: y, cookie: c, query: q, leeway: 9s}
            access: {own: {auth: {keys: z}}, mode: {auth: optional}}
            """)
        #expect(settings.authKeys.map(\.place) == [.file(path: "a"), .file(path: "b"), .variable("SECRET")])
        #expect(settings.authKeys[1].id == "1" && settings.authKeys[1].algorithm == "RS256")
        #expect(settings.keyVariables == ["SECRET", "SECRET"] || settings.keyVariables == ["SECRET"])
        let own = try #require(settings.producers["own"])
        #expect(own.authKeys.map(\.place) == [.file(path: "z")] && own.authIssuers == [] && own.authCookie == "")
        #expect(own.authQuery == "" && own.authLeeway == .seconds(5) && own.authAudiences == [])
        let mode = try #require(settings.producers["mode"])
        #expect(mode.authKeys == settings.authKeys && mode.authCookie == "c" && mode.authLeeway == .seconds(9))
    }

    @Test("required claims are pairs, in a list or as a mapping; a claim can have several values")
    func claims() throws {
        let expected = ["sub={user}", "scope=read:{room}", "scope=admin"].map { ClaimPattern($0)! }
        let keys = "auth-keys: k\n"
        for file in [
            "require: {sub: '{user}', scope: ['read:{room}', admin]}",
            "require: ['sub={user}', 'scope=read:{room}', scope=admin]",
            "require: 'sub={user}, scope=read:{room}, scope=admin'",
        ] {
            #expect(try settings(keys + file).require == expected, "\(file)")
        }
        let flags = ["require": "sub={user},scope=read:{room},scope=admin", "auth-keys": "k"]
        #expect(try settings(flags: flags).require == expected)
        let own = try settings("\(keys)require: {sub: a}\naccess: {x: {require: {sub: '{user}'}}, y: {}}")
        #expect(own.producers["x"]?.require == [ClaimPattern("sub={user}")!])
        #expect(own.producers["y"]?.require == [ClaimPattern("sub=a")!])
    }

    @Test(
        "patterns have text and parameters",
        arguments: [
            ("sub={user}", [ClaimPattern.Part.parameter("user")]), ("a=b", [.text("b")]),
            ("a=b={c}d{e}", [.text("b="), .parameter("c"), .text("d"), .parameter("e")]),
            ("https://x/role=y", [.text("y")]),
        ])
    func patterns(text: String, parts: [ClaimPattern.Part]) {
        #expect(ClaimPattern(text)?.parts == parts)
    }

    @Test(
        "and others are refused",
        arguments: [
            "", "sub", "=a", "sub=", "sub={", "sub=}", "sub={}", "sub={a b}", "sub={a{b}}", "sub=a}b", "sub={a}{b}",
            "sub=\u{1}",
        ])
    func wrongPatterns(text: String) {
        #expect(ClaimPattern(text) == nil)
    }

    @Test(
        "a source of keys is a file or a variable",
        arguments: ["", "env:", "env:A=B", "a kid=", "a alg=", "a b", "a=b c=d"])
    func wrongSources(text: String) {
        #expect(KeySource(text) == nil)
    }

    @Test("nothing is left open because a part is missing")
    func checks() {
        let nothing = "but there are neither auth-keys nor auth-tokens"
        let claims = "without tokens, there are no claims; set auth-keys or auth-tokens, and not auth: none"
        for (file, message) in [
            ("auth: required", "auth: required, \(nothing)"), ("auth: optional", "auth: optional, \(nothing)"),
            ("access: {a: {auth: required}}", "auth of a: required, \(nothing)"),
            ("access: {a: {auth: {issuers: x}}}\nauth-keys: k", "auth of a: required, \(nothing)"),
            ("require: {sub: a}", "require: \(claims)"),
            ("auth: {issuers: x}", "auth-issuers: set, \(nothing)"), ("auth-cookie: c", "auth-cookie: set, \(nothing)"),
            ("access: {a/b: {auth: none}}", "s.yaml:1: access: a/b: only the name of the producer is expected here"),
            ("access: {a: {require: {sub: a}}}", "require of a: \(claims)"),
            ("auth: none\nauth-keys: k\naccess: {a: {require: {sub: a}}}", "require of a: \(claims)"),
        ] {
            #expect(throws: SettingError(message), "\(file)") { try settings(file) }
        }
        // Said explicitly.
        #expect(throws: Never.self) { try settings("auth-keys: k\nrequire: {sub: a}\naccess: {a: {auth: none}}") }
        #expect(throws: Never.self) {
            try settings("auth: none\nauth-keys: k\nrequire: {sub: a}\naccess: {a: {auth: required}}")
        }
    }

    @Test("mistakes have their place")
    func mistakes() {
        for (file, message) in [
            (
                "auth: {keys: k, keyz: k}",
                "s.yaml:1: auth: unknown key 'keyz'; expected mode, keys, issuers, audiences, leeway, tokens, cookie, query"
            ),
            ("auth: {keys: }", "s.yaml:1: auth-keys: expected \(KeySource.expectation), not ''"),
            ("auth-keys: []", "s.yaml:1: auth-keys: expected \(KeySource.expectation), not ''"),
            ("auth-tokens: ''", "s.yaml:1: auth-tokens: expected a file, not ''"),
            ("auth: yes", "s.yaml:1: auth: expected auto, required, optional or none, not 'yes'"),
            ("auth: {mode: none}\nauth-tokens: [a]", "s.yaml:2: auth-tokens: expected a single value"),
            ("auth: {mode: none, keys: k}\nrequire: {sub: {a: b}}", "s.yaml:2: require: sub: expected a single value"),
            ("auth-keys: k\nrequire: {sub: '{a,b}'}", "s.yaml:2: require: sub: '{a,b}' can't contain a comma"),
            (
                "auth-keys: k\nrequire: {sub: '{'}",
                "s.yaml:2: require: expected \(ClaimPattern.expectation), not 'sub={'"
            ),
            (
                "cors: {mode: x}",
                "s.yaml:1: cors: unknown key 'mode'; expected origins, credentials, exposed-headers, max-age"
            ),
        ] {
            #expect(throws: SettingError(message), "\(file)") { try settings(file) }
        }
    }
}
