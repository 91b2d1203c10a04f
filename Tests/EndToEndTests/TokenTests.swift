import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("Tokens", TokenIssuer.condition, .onTestThreads)
struct TokenTests {
    private let place = TemporaryDirectory()

    private func configured(
        _ text: String, _ plugins: [String], flags: [String] = [], _ body: (SluiceServer) throws -> Void
    ) throws {
        let path = place.write(text.utf8, to: "sluice.yaml")
        try withServer(plugins, flags: ["--config", path] + flags, body)
    }

    private func answer(_ server: SluiceServer, _ target: String, _ headers: String...) throws -> RawResponse {
        let client = try server.connect()
        let lines = headers.map { "\($0)\r\n" }.joined()
        try client.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\nUser-Agent: t\r\n\(lines)\r\n")
        return try client.readResponse(toHead: true)
    }

    private func bearer(_ token: String) -> String { "Authorization: Bearer \(token)" }

    @Test("of every algorithm, from another library's issuer, open a stream; without one, it needs none")
    func algorithms() throws {
        let issuer = try TokenIssuer(in: place.path, #"{"sub":"ann"}"#, #"{"sub":"ann","exp":1}"#)
        try configured("auth: {keys: \(place.path)/jwks.json}\n", ["WaitsForEver"]) { server in
            #expect(issuer.tokens.count == 13)
            for (algorithm, tokens) in issuer.tokens {
                #expect(try answer(server, "/waits-for-ever", bearer(tokens[0])).status == 200, "\(algorithm)")
                let expired = try answer(server, "/waits-for-ever", bearer(tokens[1]))
                #expect(expired.status == 401 && expired["www-authenticate"]?.contains("has expired") == true)
            }
            #expect(try answer(server, "/waits-for-ever").status == 401)
        }
    }

    @Test("in a query or a cookie reach neither producers nor the log")
    func secrecy() throws {
        let issuer = try TokenIssuer(in: place.path, #"{"sub":"ann"}"#, #"{"sub":"ann","aud":"other"}"#)
        let (token, wrong) = (issuer.es256[0], issuer.es256[1])
        try configured(
            "auth: {keys: \(place.path)/es256.pem, query: name, cookie: session}\n", ["TellsTheRequest"],
            flags: ["--access-log", "all", "--log-level", "trace"] + SluiceServer.withAdmin
        ) { server in
            let event = try server.subscribe("/tells-the-request?name=\(token)").nextEvent()
            #expect(event.data?.contains("name=(none)\n") == true, "\(event)")
            #expect(
                try server.subscribe("/tells-the-request", headers: [("Cookie", "a=b; session=\(token)")]).head().status
                    == 200)
            #expect(try answer(server, "/tells-the-request?name=\(wrong)").status == 401)
            #expect(try answer(server, "/tells-the-request?name=\(token)", bearer(token)).status == 400)
            let refused = try server.waitForLog("a request was refused")
            #expect(refused["reason"] == "the token's audience is not in auth-audiences: other")
            let metrics = try server.metrics()
            #expect(metrics["disallowed_requests_total", "kind=\"token\""] == 2)
            let requests = server.logLines.filter { $0.message == "request" && $0["path"] == "/tells-the-request" }
            #expect(requests.map { $0["identity"] } == ["ann", "ann", nil, nil])
            let signature = try #require(token.split(separator: ".").last)
            #expect(!server.logLines.contains { $0.description.contains(signature) })
        }
    }

    @Test("must claim what a route requires: a private stream needs no code in its plugin")
    func claims() throws {
        let issuer = try TokenIssuer(
            in: place.path, #"{"sub":"ann"}"#, #"{"sub":"root","scope":"x admin"}"#, #"{"sub":["ann"]}"#)
        try configured(
            """
            auth: {keys: \(place.path)/jwks.json}
            access:
              echo: {require: {sub: ["{name}", root]}}
              waits-for-ever: {auth: none}
            """, ["EchoesParameters", "WaitsForEver"]
        ) { server in
            let (ann, root, broken) = (issuer.es256[0], issuer.es256[1], issuer.es256[2])
            for (target, token, status) in [
                ("/echo/ann", ann, 200), ("/echo/%61nn", ann, 200), ("/echo/bob", ann, 403),
                ("/echo/bob?name=ann", ann, 403),
                ("/echo/bob", root, 200), ("/echo/ann", broken, 401), ("/echo/ann?i=x", ann, 400),
                ("/echo/bob?i=x", ann, 400),
            ] {
                #expect(try answer(server, target, bearer(token)).status == status, "\(target)")
            }
            #expect(try answer(server, "/waits-for-ever").status == 200)
            let refused = try server.waitForLog("a request was refused")
            #expect(refused["reason"] == "the token's “sub” does not allow this request")
            let line = try server.waitForLog("request") {
                $0["status"] == "403" || $0.description.contains("\"status\":403")
            }
            #expect(line["identity"] == "ann" && line["path"] == "/echo/bob")
        }
    }

    @Test("end their streams when they expire, shared ones and others, with a time to reconnect")
    func expiring() throws {
        let issuer = try TokenIssuer(
            in: place.path, #"{"sub":"ann","exp":\#(TokenIssuer.time(in: 3))}"#, #"{"sub":"bob"}"#)
        try configured(
            "auth: {keys: \(place.path)/jwks.json}\nkeep-alive: 1h\n", ["WaitsForEver", "SharedTicks"],
            flags: SluiceServer.withAdmin
        ) { server in
            let (ann, bob) = (issuer.es256[0], issuer.es256[1])
            let targets = ["/waits-for-ever?tag=a", "/shared-ticks?tag=b&every=100000"]
            let expiring = try targets.map {
                try server.subscribe($0, headers: [("Authorization", "Bearer \(ann)")])
            }
            let staying = try server.subscribe(targets[1], headers: [("Authorization", "Bearer \(bob)")])
            #expect(try staying.head().status == 200)
            for subscriber in expiring {
                #expect(try subscriber.head().status == 200)
                let last = try #require(try subscriber.rest(within: .seconds(20)).last)
                #expect(last.retry != nil && last.data == nil && subscriber.isComplete)
            }
            try server.expectClose(of: "a", .expired)
            try server.waitForLog("subscriber left", ["reason": "expired"])
            #expect(server.ledger.stream("b")?.reason == nil, "the stream itself stays")
            // Within the leeway, a client may still come back; its stream ends soon.
            let metrics = try server.metrics()
            #expect(
                metrics[
                    "streams_closed_total", "plugin=\"waits-for-ever\",producer=\"waits-for-ever\",reason=\"expired\""]
                    == 1)
        }
    }

    @Test("of a shared stream are checked for each subscriber, and an ID of one stream opens no other")
    func shared() throws {
        let issuer = try TokenIssuer(in: place.path, #"{"scope":"read:a"}"#, #"{"scope":"read:b"}"#)
        try configured(
            "auth: {keys: \(place.path)/jwks.json}\naccess: {shared-numbers: {require: {scope: 'read:{tag}'}}}\nlinger: forever\n",
            ["SharedNumbers"]
        ) { server in
            let (a, b) = (issuer.es256[0], issuer.es256[1])
            func join(_ tag: String, _ token: String, id: String? = nil) throws -> TestSubscriber {
                let headers = [("Authorization", "Bearer \(token)")] + (id.map { [("Last-Event-ID", $0)] } ?? [])
                return try server.subscribe("/shared-numbers?tag=\(tag)&every=1&count=3&held=true", headers: headers)
            }
            let first = try join("a", a)
            #expect(try first.head().status == 200)
            let other = try join("b", b)
            #expect(try other.head().status == 200)
            #expect(try join("a", b).head().status == 403)
            let anchor = try #require(TestEvent(frame: try first.nextFrame()).id)
            // With it, the other stream's subscriber still can't join this one, and in its own, the ID is unknown.
            #expect(try join("a", b, id: anchor).head().status == 403)
            let stranger = try join("b", b, id: anchor)
            #expect(try stranger.head().status == 200)
            #expect(try stranger.nextEvent().type == "sluice-gap")
            server.openGate(times: 2)
        }
    }

    @Test("are checked with the keys that a reload has read; with keys that can't be read, nothing changes")
    func reloaded() throws {
        let old = try TokenIssuer(in: place.path, #"{"sub":"ann"}"#).es256[0]
        try configured("auth: {keys: \(place.path)/jwks.json}\n", ["WaitsForEver"]) { server in
            #expect(try answer(server, "/waits-for-ever", bearer(old)).status == 200)
            let open = try server.subscribe("/waits-for-ever?tag=a", headers: [("Authorization", "Bearer \(old)")])
            _ = try open.nextEvent()
            let new = try TokenIssuer(in: place.path, #"{"sub":"ann"}"#).es256[0]
            #expect(try answer(server, "/waits-for-ever", bearer(new)).status == 401, "not read yet")
            try server.reload()
            #expect(try blockingEventually { try answer(server, "/waits-for-ever", bearer(old)).status == 401 })
            #expect(try answer(server, "/waits-for-ever", bearer(new)).status == 200)
            place.write("{\"keys\":[]}".utf8, to: "jwks.json")
            let verb = try server.run("reload")
            #expect(verb.status == 1)
            #expect(verb.error.contains("jwks.json: none of its 0 keys is for RS, PS, ES, EdDSA or HS"), "\(verb)")
            #expect(try answer(server, "/waits-for-ever", bearer(new)).status == 200)
            #expect(server.ledger.stream("a")?.reason == nil, "an open stream is not asked again")
        }
    }

    @Test("a server whose tokens can't be checked does not start, and says why in one line")
    func mistakes() throws {
        let issuer = try TokenIssuer(in: place.path, "{}")
        _ = issuer
        let (secret, key) = (place.write("short".utf8, to: "secret"), "\(place.path)/es256.pem")
        for (arguments, message) in [
            (["--auth-keys", "/nonexistent"], "/nonexistent: No such file or directory"),
            (
                ["--auth-keys", "\(secret) alg=HS256"],
                "\(secret): a secret for HS256 needs at least 32 bytes; it has 5"
            ),
            (["--auth-keys", "\(key) alg=RS256"], "\(key): a key can't be for RS256; it is for ES256"),
            (["--auth", "required"], "auth: required, but there are neither auth-keys nor auth-tokens"),
            (["--require", "sub=a"], "require: without tokens, there are no claims"),
            (["--auth-tokens", key], "\(key):1: expected the SHA-256 of a token in 64 hexadecimal digits"),
        ] {
            let verb = try Verb(RunningProgram([BuiltProducts.sluice, "serve", place.path] + arguments))
            #expect(verb.status == 2, "\(verb)")
            #expect(verb.error.contains(message), "\(verb)")
        }
    }

    @Test("a static token in a file opens streams, and a required parameter that no producer has is told")
    func staticTokens() throws {
        let hash = try ChildProgram.run(["sh", "-c", "printf %s my-token | sha256sum"]).output.prefix(64)
        let tokens = place.write("\(hash) ann read:news\n".utf8, to: "tokens")
        try configured(
            "auth: {tokens: \(tokens)}\nrequire: {scope: 'read:news'}\naccess: {echo: {require: {sub: '{nobody}'}}}\n",
            ["WaitsForEver", "EchoesParameters"]
        ) { server in
            #expect(try answer(server, "/waits-for-ever", bearer("my-token")).status == 200)
            #expect(try answer(server, "/waits-for-ever", bearer("my-tokens")).status == 401)
            #expect(try answer(server, "/echo/x", bearer("my-token")).status == 403)
            try server.waitForLog("the warning") {
                $0.message == "require: echo/echo has no parameter nobody, so nobody can have the claim"
            }
        }
    }

    @Test("tell producers in C and Swift who asks; shared streams belong to nobody")
    func producers() throws {
        let issuer = try TokenIssuer(in: place.path, #"{"sub":"ann","role":["editor",1],"scope":"read:a"}"#, "{}")
        let plugins = ["ShowsIdentity", try SwiftIdentity.build()]
        try configured("auth: {keys: \(place.path)/jwks.json, mode: optional}\n", plugins) { server in
            func told(_ target: String, _ token: String?) throws -> String? {
                let headers = token.map { [("Authorization", "Bearer \($0)")] } ?? []
                return try server.subscribe(target, headers: headers).nextEvent().data
            }
            for (target, shared) in [("/identity", "/identity-shared"), ("/identity-swift", "/identity-swift-shared")] {
                try #expect(told(target, issuer.es256[0]) == #"ann|["editor",1]|read:a"#)
                try #expect(told(target, issuer.es256[1]) == "|-|-")
                try #expect(told(target, nil) == "-|-|-")
                try #expect(told(shared, issuer.es256[0]) == "-|-|-")
            }
        }
    }
}
