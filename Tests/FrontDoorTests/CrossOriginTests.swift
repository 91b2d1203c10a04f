import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Pages of other origins", .timeLimit(.minutes(3)))
struct CrossOriginTests {
    private static let page = "Origin: https://app.example"
    private static let preflight = "Access-Control-Request-Method: GET"

    private func policy(_ change: (inout CrossOriginPolicy) -> Void) -> CrossOriginPolicy {
        var policy = CrossOriginPolicy()
        change(&policy)
        return policy
    }

    private func serving(
        _ change: (inout CrossOriginPolicy) -> Void = { $0.origins = ["https://app.example"] },
        settings: (inout ServerSettings) -> Void = { _ in }, _ body: (RunningServer) async throws -> Void
    ) async throws {
        let policy = policy(change)
        try await withServer(
            { server in
                server.listeners[0].crossOrigin = policy
                settings(&server)
            }, body)
    }

    private func request(_ method: String, _ target: String, _ headers: String..., body: String? = nil) -> String {
        let lines = headers + (body.map { ["Content-Length: \($0.utf8.count)"] } ?? [])
        return "\(method) \(target) HTTP/1.1\r\nHost: test\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
            + (body ?? "")
    }

    @Test(
        "are allowed by their origin, by a domain above it, if they are on this machine, or all",
        arguments: [
            ("https://app.example", true), ("http://app.example", false), ("https://app.example:8443", false),
            ("https://a.b.example", true), ("https://x.y.b.example", true), ("https://b.example", false),
            ("https://.b.example", false), ("https://evil-b.example", false), ("https://a.b.example.evil", false),
            ("https://evil/.b.example", false), ("https://evil:1.b.example", false), ("https://u@a.b.example", false),
            ("http://a.b.example", false), ("https://a.b.example:8443", false),
            ("http://localhost", true), ("http://localhost:3000", true), ("https://app.localhost:1", true),
            ("http://127.0.0.1:3000", true), ("http://[::1]:3000", true), ("http://127.9.9.9", true),
            ("http://localhost.evil", false), ("http://evillocalhost", false), ("http://127.0.0.1.evil", false),
            ("file://localhost", false), ("http://[::2]", false), ("http://128.0.0.1", false), ("null", false),
            ("", false), ("localhost", false), ("http://", false), ("http://localhost:3000/", false),
        ])
    func allowed(origin: String, isAllowed: Bool) {
        let policy = policy {
            $0.origins = ["https://app.example"]
            $0.subdomains = [.init(scheme: "https://", end: ".b.example")]
            $0.allowsLocal = true
        }
        #expect(policy.allows(origin) == isAllowed)
        #expect(self.policy { $0.allowsAny = true }.allows(origin))
        #expect(!CrossOriginPolicy().allows(origin))
    }

    @Test("a thousand origins are looked up, not searched for")
    func manyOrigins() {
        let policy = policy { policy in
            for number in 0..<1000 { policy.origins.insert("https://\(number).example") }
        }
        #expect(policy.allows("https://999.example") && !policy.allows("https://1000.example"))
    }

    @Test("the headers say who may read what; caches are told that they differ")
    func headers() {
        let exact = policy {
            $0.origins = ["https://app.example"]
            $0.allowsCredentials = true
            $0.exposedHeaders = ["X-Id", "Retry-After"]
        }
        #expect(
            exact.headers(for: "https://app.example") == [
                .init("Vary", "Origin"), .init("Access-Control-Allow-Origin", "https://app.example"),
                .init("Access-Control-Allow-Credentials", "true"),
                .init("Access-Control-Expose-Headers", "X-Id, Retry-After"),
            ])
        #expect(exact.headers(for: "https://evil.example") == [.init("Vary", "Origin")])
        #expect(exact.headers(for: nil) == [.init("Vary", "Origin")])
        let any = policy { $0.allowsAny = true }
        #expect(any.headers(for: "https://app.example") == [.init("Access-Control-Allow-Origin", "*")])
        #expect(any.headers(for: "null") == [.init("Access-Control-Allow-Origin", "*")])
        #expect(any.headers(for: nil).isEmpty && CrossOriginPolicy().headers(for: "https://app.example").isEmpty)
    }

    @Test("every answer to an allowed origin can be read, whatever its status, and none to another")
    func everyAnswer() async throws {
        try await serving(settings: { $0.maxBodyBytes = 10 }) { server in
            let requests: [(Int, String)] = [
                (200, request("GET", "/once", Self.page)), (200, request("GET", "/headers", Self.page)),
                (200, request("HEAD", "/once", Self.page)), (204, request("GET", "/ended", Self.page)),
                (204, request("GET", "/ended?headers", Self.page)), (429, request("GET", "/rejected/429", Self.page)),
                (500, request("GET", "/failed", Self.page)), (503, request("GET", "/unavailable", Self.page)),
                (503, request("GET", "/full", Self.page)),
                (200, request("GET", "/full", Self.page, "Accept: text/event-stream")),
                (503, request("GET", "/leaving", Self.page)), (404, request("GET", "/missing", Self.page)),
                (400, request("GET", "/number?n=x", Self.page)), (405, request("PUT", "/once", Self.page)),
                (406, request("GET", "/once", Self.page, "Accept: text/html")),
                (413, request("POST", "/body", Self.page, body: "more than ten bytes")),
                (417, request("GET", "/once", Self.page, "Expect: x")), (204, request("OPTIONS", "/once", Self.page)),
                (400, request("GET", "/%", Self.page)), (200, request("POST", "/body", Self.page, body: "x")),
            ]
            for (status, text) in requests {
                let isHead = text.hasPrefix("HEAD")
                let answer = try server.answer(to: text, isHead: isHead || status == 200)
                #expect(answer.status == status, "\(text)")
                let allowed = answer.headerLines.filter { $0.lowercased().hasPrefix("access-control-allow-origin:") }
                #expect(allowed == ["Access-Control-Allow-Origin: https://app.example"], "\(text)\n\(answer.head)")
                #expect(answer["Vary"] == "Origin")
                let stranger = text.replacing("https://app.example", with: "https://evil.example")
                let other = try server.answer(to: stranger, isHead: isHead || status == 200)
                #expect(!other.head.lowercased().contains("access-control") && other["Vary"] == "Origin", "\(stranger)")
                #expect(other.status == status || other.status == 403, "\(stranger)")
            }
        }
    }

    @Test("a stream's head has the headers on each way to its subscriber", arguments: [true, false])
    func streams(handOver: Bool) async throws {
        try await serving(settings: { $0.allowsHandOver = handOver }) { server in
            for request in [
                self.request("GET", "/once", Self.page),
                "GET /once HTTP/1.0\r\n\(Self.page)\r\n\r\n",
                // The request arrives in two pieces, and so not at the doorstep.
                self.request("GET", "/once", Self.page, "X-A:  b"),
            ] {
                let answer = try server.answer(to: request, isHead: true)
                #expect(answer.status == 200 && answer["Access-Control-Allow-Origin"] == "https://app.example")
            }
            let plain = try server.answer(to: get("/once"), isHead: true)
            #expect(plain["Access-Control-Allow-Origin"] == nil && plain["Vary"] == "Origin")
        }
    }

    @Test("a preflight request is answered for what the route takes, and not passed on")
    func preflights() async throws {
        try await serving { server in
            let once = try server.answer(
                to: request(
                    "OPTIONS", "/once", Self.page, Self.preflight, "Access-Control-Request-Headers: last-event-id,x-a"))
            #expect(once.status == 204)
            #expect(once["Access-Control-Allow-Origin"] == "https://app.example")
            #expect(once["Access-Control-Allow-Methods"] == "GET, HEAD")
            #expect(once["Access-Control-Allow-Headers"] == "Last-Event-ID, last-event-id,x-a")
            #expect(once["Access-Control-Max-Age"] == "600")
            #expect(
                once.headerLines.filter { $0.hasPrefix("Vary:") } == [
                    "Vary: Origin", "Vary: Access-Control-Request-Headers",
                ])
            let body = try server.answer(
                to: request("OPTIONS", "/body", Self.page, "Access-Control-Request-Method: POST"))
            #expect(body.status == 204 && body["Access-Control-Allow-Methods"] == "GET, HEAD, POST")
            #expect(body["Access-Control-Allow-Headers"] == "Last-Event-ID")
            // The page may then read why its request fails.
            for target in ["/missing", "/leaving"] {
                let answer = try server.answer(to: request("OPTIONS", target, Self.page, Self.preflight))
                #expect(answer.status == 204 && answer["Access-Control-Allow-Origin"] != nil)
            }
            let stranger = try server.answer(
                to: request("OPTIONS", "/once", "Origin: https://evil.example", Self.preflight))
            #expect(stranger.status == 403 && !stranger.head.lowercased().contains("access-control"))
            #expect(stranger.body.contains("Pages of https://evil.example may not send requests to this route."))
            #expect(server.opener.opened.isEmpty)
        }
    }

    @Test("a producer has its own policy, and its own headers replace the policy's")
    func producers() async throws {
        let open = policy { $0.allowsAny = true }
        try await serving(settings: { $0.crossOriginOfProducers = ["once": open, "slow": CrossOriginPolicy()] }) {
            server in
            let once = try server.answer(to: request("GET", "/once", "Origin: https://evil.example"), isHead: true)
            #expect(once["Access-Control-Allow-Origin"] == "*" && once["Vary"] == nil)
            let other = try server.answer(to: request("GET", "/ended", "Origin: https://evil.example"))
            #expect(other["Access-Control-Allow-Origin"] == nil)
        }
        let headers = CrossOriginHeaders([
            .init("Vary", "Origin"), .init("Access-Control-Allow-Origin", "https://app.example"),
            .init("Access-Control-Expose-Headers", "X-Id"),
        ])
        let decided: [StreamRequest.Field] = [.init("access-control-allow-origin", "*"), .init("X-A", "1")]
        #expect(headers.added(to: decided) == [.init("Vary", "Origin")] + decided)
        let exposing: [StreamRequest.Field] = [.init("Access-Control-Expose-Headers", "X-A")]
        #expect(headers.added(to: exposing) == Array(headers.headers[..<2]) + exposing)
        #expect(headers.added(to: []) == headers.headers)
    }

    @Test("only an allowed one can send a POST; it is refused before its body is sent, and before plugin code runs")
    func posts() async throws {
        let cases: [(String, [String], Bool)] = [
            ("no browser", [], true), ("allowed", [Self.page], true),
            ("allowed, and across sites", [Self.page, "Sec-Fetch-Site: cross-site"], true),
            ("another origin", ["Origin: https://evil.example"], false),
            ("across sites, without an origin", ["Sec-Fetch-Site: cross-site"], false),
            ("of another host of the site", ["Origin: https://evil.example", "Sec-Fetch-Site: same-site"], false),
            ("of this server, says the browser", ["Origin: https://test", "Sec-Fetch-Site: same-origin"], true),
            ("typed by the user", ["Sec-Fetch-Site: none"], true), ("of this server", ["Origin: http://TEST"], true),
            ("of this server's name at another port", ["Origin: http://test:81"], false),
            ("without an origin that it may name", ["Origin: null"], false),
            ("two origins", [Self.page, Self.page], false), ("no origin", ["Origin: "], false),
        ]
        try await serving { server in
            var opened = 0
            for (name, headers, isAllowed) in cases {
                let lines = (headers + ["Content-Length: 1"]).map { $0 + "\r\n" }.joined()
                let head = "POST /body HTTP/1.1\r\nHost: test\r\n\(lines)\r\n"
                let client = try server.connect()
                try client.send(isAllowed ? head + "x" : head)
                let answer = try client.readResponse(toHead: isAllowed)
                #expect(answer.status == (isAllowed ? 200 : 403), "\(name)")
                if isAllowed { opened += 1 }
                #expect(server.opener.opened.count == opened, "\(name)")
            }
            #expect(server.server.refused == ["origin": cases.filter { !$0.2 }.count])
            let expecting = try server.answer(
                to: request(
                    "POST", "/body", "Origin: https://evil.example", "Expect: 100-continue", "Content-Length: 1"))
            #expect(expecting.status == 403)
            let empty = try server.answer(
                to: request("POST", "/body", "Origin: https://evil.example", "Content-Length: 0"))
            #expect(empty.status == 403 && empty["Connection"] == nil)
        }
    }

    @Test("a reload's policy applies to the requests that follow")
    func reload() async throws {
        try await serving { server in
            let text = request("GET", "/missing", "Origin: https://new.example")
            let before = try server.answer(to: text)
            #expect(before["Access-Control-Allow-Origin"] == nil)
            var settings = ServerSettings()
            settings.listeners[0].hosts = HostNames(["*"])
            settings.listeners[0].crossOrigin.origins = ["https://new.example"]
            server.server.replaceSettings(settings)
            let isApplied = await eventually {
                (try? server.answer(to: text))?["Access-Control-Allow-Origin"] == "https://new.example"
            }
            #expect(isApplied)
        }
    }

    @Test("one that may not read is logged, and what is refused")
    func logged() async throws {
        let log = CapturedLog()
        try await withServer(logger: log.logger) { server in
            _ = try server.answer(to: request("GET", "/missing", Self.page))
            _ = try server.answer(to: request("POST", "/body", Self.page, "Content-Length: 0"))
            _ = try server.answer(to: request("GET", "/missing", "Origin: http://test"))
            let warnings = log.lines.filter { $0.hasPrefix("warning") }
            #expect(
                warnings == [
                    "warning: a page of another origin can't read responses; cors-origins can allow it",
                    "warning: a request was refused",
                ])
        }
    }
}
