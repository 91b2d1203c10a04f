import Identity
import NIOHTTP1
import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Tokens of requests", .timeLimit(.minutes(3)))
struct TokenRulesTests {
    /// Of "secret" and "other", as `sha256sum` prints them.
    private static let tokens = """
        2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b ann read:1 read:2
        d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa bob
        """
    private static let bearer = "Authorization: Bearer secret"

    private func rules(_ change: (inout TokenRules) -> Void = { _ in }) throws -> TokenRules {
        var rules = TokenRules()
        rules.policy = .required
        rules.checker.tokens = try StaticTokens(parsing: Self.tokens, name: "tokens")
        rules.cookie = "session"
        rules.query = "token"
        change(&rules)
        return rules
    }

    private func serving(
        _ change: (inout TokenRules) -> Void = { _ in }, settings: (inout ServerSettings) -> Void = { _ in },
        log: CapturedLog = CapturedLog(), _ body: (RunningServer) async throws -> Void
    ) async throws {
        let rules = try rules(change)
        try await withServer(
            {
                $0.tokens = rules
                settings(&$0)
            }, logger: log.logger, body)
    }

    @Test("are found in Authorization, the query or a cookie, and tell whose request it is")
    func places() async throws {
        try await serving { server in
            for (index, request) in [
                get("/once", "Authorization: Bearer secret"), get("/once", "authorization: bEARER   secret"),
                get("/once?token=secret"), get("/once?a=1&token=%73ecret"), get("/once", "Cookie: session=secret"),
                get("/once", "Cookie: a=b; session=secret;c=d"), get("/once", "Cookie: a=b", "Cookie: session=secret"),
                get("/once", "Cookie: session=secret; session=secret"),
                // What the page says explicitly comes before what the browser adds.
                get("/once", "Cookie: session=wrong", Self.bearer), get("/once?token=secret", "Cookie: session=wrong"),
                // Another scheme is not for this server.
                get("/once", "Authorization: Basic c2VjcmV0", "Cookie: session=secret"),
            ].enumerated() {
                try #expect(server.answer(to: request).status == 200, "\(request)")
                let opened = try await server.opened(index).request
                #expect(opened.identity?.subject == "ann" && opened.lifetime == nil)
                #expect(!opened.query.contains { $0.name == "token" }, "plugins do not see it")
            }
        }
    }

    @Test("that are missing, malformed or wrong are refused as RFC 6750 says, and no producer is asked")
    func refusals() async throws {
        let log = CapturedLog()
        let none = #"Bearer realm="sluice""#
        func challenge(_ code: String, _ text: String) -> String {
            #"\#(none), error="\#(code)", error_description="\#(text)""#
        }
        let wrong = challenge("invalid_token", "The token is not valid.")
        let twice = challenge(
            "invalid_request", "The query has no valid token in its parameter token, or more than one.")
        let cases: [(String, Int, String)] = [
            (get("/once"), 401, none), (get("/once", "Authorization: Basic c2VjcmV0"), 401, none),
            (get("/once", "Cookie: sessions=secret; asession=secret; session"), 401, none),
            (get("/once?Token=secret&tokens=secret"), 401, none), (get("/once", "X-Token: secret"), 401, none),
            (get("/once", "Authorization: Bearer wrong"), 401, wrong), (get("/once?token=wrong"), 401, wrong),
            (get("/once", "Cookie: session=wrong"), 401, wrong),
            (get("/once", "Authorization: Bearer a.b.c"), 401, wrong),
            (
                get("/once", "Authorization: Bearer"), 400,
                challenge("invalid_request", "The Authorization header has no valid Bearer token.")
            ),
            (
                get("/once", "Authorization: Bearer a b"), 400,
                challenge("invalid_request", "The Authorization header has no valid Bearer token.")
            ),
            (
                get("/once", "Authorization: Bearer \"a\""), 400,
                challenge("invalid_request", "The Authorization header has no valid Bearer token.")
            ),
            (
                get("/once", "Authorization: Bearer =a"), 400,
                challenge("invalid_request", "The Authorization header has no valid Bearer token.")
            ),
            (
                get("/once", Self.bearer, Self.bearer), 400,
                challenge("invalid_request", "The request has several Authorization headers.")
            ),
            (
                get("/once?token=secret", Self.bearer), 400,
                challenge("invalid_request", "The request has two tokens, in Authorization and in its query.")
            ),
            (get("/once?token=secret&token=secret"), 400, twice), (get("/once?token="), 400, twice),
            (
                get("/once", "Cookie: session=secret; session=other"), 400,
                challenge("invalid_request", "The request has several cookies session.")
            ),
            (
                get("/once", "Cookie: session="), 400,
                challenge("invalid_request", "The cookie session has no valid token.")
            ),
            (
                get("/once", "Cookie: session=\"secret\""), 400,
                challenge("invalid_request", "The cookie session has no valid token.")
            ),
            // For EventSource as for everybody.
            (get("/once", "Accept: text/event-stream"), 401, none),
            ("HEAD /once HTTP/1.1\r\nHost: test\r\n\r\n", 401, none),
            // A client without a token learns nothing about parameters.
            (get("/number?n=x"), 401, none),
        ]
        try await serving(log: log) { server in
            for (request, status, value) in cases {
                let answer = try server.answer(to: request, isHead: request.hasPrefix("HEAD"))
                #expect(answer.status == status, "\(request)")
                #expect(answer["www-authenticate"] == value, "\(request)")
                #expect(answer["content-type"] == "application/problem+json")
            }
            #expect(server.opener.opened.isEmpty && server.server.refused == ["token": cases.count])
        }
        #expect(!log.details.isEmpty && !"\(log.details)".contains("secret") && !"\(log.details)".contains("c2VjcmV0"))
    }

    @Test("are needed for the request, not for its preflight, other routes, or pages of the server")
    func exceptions() async throws {
        var open = TokenRules()
        open.query = "other"
        try await serving(settings: { settings in
            settings.tokensOfProducers = ["held": open]
            settings.listeners[0].crossOrigin.origins = ["https://app.example"]
        }) { server in
            let preflight =
                "OPTIONS /once HTTP/1.1\r\nHost: test\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n\r\n"
            try #expect(server.answer(to: preflight).status == 204)
            try #expect(server.answer(to: get("/missing")).status == 404)
            let client = try server.connect()
            try client.send(get("/held?token=secret&other=x&a=b"))
            let opened = try await server.opened().request
            #expect(opened.identity == nil && opened.query == [.init("a", "b")], "no token of any route")
            // The page must be able to read that it needs one.
            let refused = try server.answer(to: get("/once", "Origin: https://app.example"))
            #expect(refused.status == 401)
            #expect(refused["access-control-allow-origin"] == "https://app.example")
        }
    }

    @Test("are checked before a body is sent")
    func body() async throws {
        try await serving { server in
            let head = "POST /body HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n"
            for more in ["\r\n", "Expect: 100-continue\r\n\r\n"] {
                let answer = try server.answer(to: head + more)
                #expect(answer.status == 401 && answer["connection"] == "close")
            }
            let small = "POST /body HTTP/1.1\r\nHost: test\r\n\(Self.bearer)\r\nContent-Length: 1\r\n\r\nx"
            try #expect(server.answer(to: small).status == 200)
            try await #expect(server.opened().request.identity?.subject == "ann")
        }
    }

    @Test("with an optional token, a client without one is nobody, and one with a wrong token is refused")
    func optional() async throws {
        try await serving({ $0.policy = .optional }) { server in
            try #expect(server.answer(to: get("/once")).status == 200)
            try await #expect(server.opened(0).request.identity == nil)
            try #expect(server.answer(to: get("/once", Self.bearer)).status == 200)
            try await #expect(server.opened(1).request.identity?.subject == "ann")
            try #expect(server.answer(to: get("/once?token=wrong")).status == 401)
            #expect(server.opener.opened.count == 2)
        }
    }

    @Test("must claim what the route requires, with the request's parameters in it")
    func claims() async throws {
        let log = CapturedLog()
        let requirements = ClaimRequirement.merged([
            ClaimRequirement("sub", [.parameter("value")]),
            ClaimRequirement("scope", [.text("read:"), .parameter("n")]), ClaimRequirement("scope", [.text("all")]),
        ])
        let ofName = [ClaimRequirement("sub", [.parameter("value")])]
        let named = try rules { $0.requirements = ofName }
        try await serving(
            { $0.requirements = requirements }, settings: { $0.tokensOfProducers = ["once": named] }, log: log
        ) {
            server in
            for (target, status) in [
                ("/number/ann?n=1", 200), ("/number/ann?n=2&n=3", 200), ("/number/ann?n=3", 403),
                ("/number/ann?n=3&n=1", 403), ("/number/bob?n=1", 403),
                ("/number/ann%00?n=1", 400), ("/number/ANN?n=1", 403), ("/number?n=1", 403), ("/number/ann?n=x", 400),
                ("/once/ann", 200), ("/once/bob", 403), ("/once", 403), ("/once?value=ann", 403),
            ] {
                let answer = try server.answer(to: get(target, Self.bearer))
                #expect(answer.status == status, "\(target)")
                guard status == 403 else { continue }
                #expect(
                    answer["www-authenticate"]
                        == #"Bearer realm="sluice", error="insufficient_scope", error_description="The token does not allow this request.""#
                )
            }
            #expect(server.server.refused == ["claim": 8])
            try #expect(server.answer(to: get("/once/bob", "Authorization: Bearer other")).status == 200)
        }
        #expect(log.details.contains { $0["reason"] == "the token's “scope” does not allow this request" })
    }

    @Test("a claim is required of those without a token, too, where tokens are optional")
    func optionalClaims() async throws {
        let requirements = [ClaimRequirement("sub", [.parameter("value")])]
        try await serving({
            $0.policy = .optional
            $0.requirements = requirements
        }) { server in
            try #expect(server.answer(to: get("/once/ann")).status == 401)
            try #expect(server.answer(to: get("/once/ann", Self.bearer)).status == 200)
        }
    }

    @Test("replaced rules count for the next request")
    func replaced() async throws {
        try await serving { server in
            try #expect(server.answer(to: get("/once", Self.bearer)).status == 200)
            var settings = ServerSettings()
            settings.listeners = [.anyHost(0)]
            settings.tokens = try rules {
                $0.checker.tokens = try! StaticTokens(parsing: String(Self.tokens.split(separator: "\n")[1]), name: "t")
            }
            server.server.replaceSettings(settings)
            try await #expect(eventually { try server.answer(to: get("/once", Self.bearer)).status == 401 })
            try #expect(server.answer(to: get("/once", "Authorization: Bearer other")).status == 200)
        }
    }

    @Test("a cookie of 64 KB is a head that is too large")
    func hugeCookie() async throws {
        try await serving { server in
            let cookie = "Cookie: session=" + String(repeating: "a", count: 64 * 1024)
            try #expect(server.answer(to: get("/once", cookie)).status == 431)
        }
        try await serving(settings: { $0.maxHeadBytes = 256 * 1024 }) { server in
            for value in [
                String(repeating: "a", count: 64 * 1024), String(repeating: "a.", count: 32 * 1024),
                String(repeating: "a; session=", count: 6 * 1024),
            ] {
                let status = try server.answer(to: get("/once", "Cookie: session=" + value)).status
                #expect([400, 401].contains(status), "\(value.prefix(20))")
            }
        }
    }

    @Test("random heads never let anybody in")
    func random() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let rules = try rules()
        let pieces = [
            "Bearer", "bearer ", " ", "\t", "=", ";", "session", "session=", "token=", "secre", "ecret", ",", "\"",
            "%73",
            "é", "a.b.c", "Basic",
        ]
        for _ in 0..<20_000 {
            var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/once")
            for name in ["Authorization", "Cookie", "Authorization", "Cookie"] where Bool.random(using: &random) {
                let value = (0..<Int.random(in: 0...6, using: &random)).map { _ in pieces.randomElement(using: &random)!
                }
                head.headers.add(name: name, value: value.joined())
            }
            let target = try RequestTarget("/once")
            do {
                let token = try rules.token(of: head, target, at: 0)
                Issue.record("seed \(seed): \(head.headers) was accepted: \(String(describing: token))")
            } catch {
                #expect(!"\(error)".isEmpty)
            }
        }
    }
}
