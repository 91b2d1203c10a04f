import NIOHTTP1
import ProducerInterface
import SystemCalls
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Requests that come through proxies", .timeLimit(.minutes(3)))
struct ForwardingTests {
    private func proxies(
        _ ranges: [String] = ["10.0.0.0/8"], unix: Bool = false, _ headers: TrustedProxies.Headers = .xForwarded
    )
        -> TrustedProxies
    {
        var proxies = TrustedProxies()
        proxies.ranges = ranges.compactMap { IPRange($0) }
        proxies.includesUnix = unix
        proxies.headers = headers
        return proxies
    }

    private func arrival(_ peer: String, _ proxies: TrustedProxies, _ headers: (String, String)...) throws -> Arrival {
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: "/", headers: HTTPHeaders([("Host", "inner")] + headers))
        let peer: ClientAddress = peer == "unix:" ? .unix : .internet(try #require(IPAddress(peer)))
        return Arrival(of: head, at: Entrance(), from: peer, proxies)
    }

    @Test(
        "the client is the nearest hop that is not a trusted proxy",
        arguments: [
            ("192.0.2.1", "10.0.0.1", ["192.0.2.1"]), ("192.0.2.1", "10.0.0.1", ["203.0.113.9, 192.0.2.1"]),
            ("192.0.2.1", "10.0.0.1", ["192.0.2.1, 10.0.0.2"]),
            ("192.0.2.1", "10.0.0.1", ["192.0.2.1", "10.0.0.2,10.0.0.3"]),
            ("10.0.0.9", "10.0.0.1", ["10.0.0.9, 10.0.0.2"]), ("2001:db8::1", "10.0.0.1", ["2001:db8::1"]),
            ("2001:db8::1", "10.0.0.1", ["[2001:db8::1]:4711"]), ("192.0.2.1", "10.0.0.1", ["192.0.2.1:4711"]),
            ("192.0.2.1", "10.0.0.1", ["::ffff:192.0.2.1"]), ("10.0.0.1", "10.0.0.1", []),
            ("10.0.0.1", "10.0.0.1", [""]),
            // What is not trusted may say what it wants.
            ("192.0.2.7", "192.0.2.7", ["203.0.113.9"]), ("192.0.2.7", "192.0.2.7", ["10.0.0.1"]),
            // What is no address ends the way back.
            ("10.0.0.2", "10.0.0.1", ["192.0.2.1, unknown, 10.0.0.2"]), ("10.0.0.1", "10.0.0.1", ["192.0.2.1, "]),
            ("10.0.0.1", "10.0.0.1", ["192.0.2.1:"]), ("10.0.0.1", "10.0.0.1", ["192.0.2.1:99999"]),
            ("10.0.0.1", "10.0.0.1", ["[2001:db8::1]x"]), ("10.0.0.1", "10.0.0.1", ["[2001:db8::1"]),
            ("10.0.0.1", "10.0.0.1", ["evil"]), ("10.0.0.1", "10.0.0.1", ["192.0.2.1; DROP"]),
        ])
    func clients(client: String, peer: String, hops: [String]) throws {
        let headers = hops.map { ("X-Forwarded-For", $0) }
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: HTTPHeaders(headers))
        let address = ClientAddress.internet(try #require(IPAddress(peer)))
        #expect(Arrival(of: head, at: Entrance(), from: address, proxies()).client.description == client)
        #expect(Arrival(of: head, at: Entrance(), from: address, TrustedProxies()).client == address)
        // The other header is the client's own, whatever it says.
        #expect(Arrival(of: head, at: Entrance(), from: address, proxies(.forwarded)).client == address)
    }

    private func proxies(_ headers: TrustedProxies.Headers) -> TrustedProxies { proxies(["10.0.0.0/8"], headers) }

    @Test("a program behind a socket in the file system can be trusted, too")
    func unix() throws {
        #expect(
            try arrival("unix:", proxies([], unix: true), ("X-Forwarded-For", "192.0.2.1")).client.description
                == "192.0.2.1")
        #expect(try arrival("unix:", proxies(), ("X-Forwarded-For", "192.0.2.1")).client == .unix)
    }

    @Test("a peer whose address can't be known is no proxy, and only a file's peer has none")
    func unknown() {
        var file = Entrance()
        file.isUnix = true
        #expect(ClientAddress(nil, at: file) == .unix && ClientAddress(nil, at: Entrance()) == .unknown)
        #expect(!proxies(["0.0.0.0/0", "::/0"], unix: true).contain(.unknown))
        #expect(ClientAddress.unknown.description == "unknown")
    }

    @Test("host and scheme are those that the nearest proxy names")
    func hosts() throws {
        let near = try arrival(
            "10.0.0.1", proxies(), ("X-Forwarded-Host", "evil.example, events.example:8443"),
            ("X-Forwarded-Proto", "http, HTTPS"))
        #expect(near.authority == "events.example:8443" && near.scheme == "https")
        let other = try arrival(
            "192.0.2.1", proxies(), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"))
        #expect(other.authority == nil && other.scheme == nil)
        for text in ["", "a b", "a/b", "http://a"] {
            #expect(try arrival("10.0.0.1", proxies(), ("X-Forwarded-Host", text)).authority == nil)
        }
    }

    @Test(
        "Forwarded (RFC 7239)",
        arguments: [
            ("for=192.0.2.1", "192.0.2.1", nil, nil), ("For=\"[2001:db8::1]:4711\"", "2001:db8::1", nil, nil),
            ("for=192.0.2.1;proto=HTTPS;by=10.0.0.1;host=a.example", "192.0.2.1", "a.example", "https"),
            ("for=203.0.113.9;host=evil, for=192.0.2.1 ; host=\"a.example:81\"", "192.0.2.1", "a.example:81", nil),
            ("for=192.0.2.1, for=10.0.0.2", "192.0.2.1", nil, nil), ("for=192.0.2.1:80", "192.0.2.1", nil, nil),
            ("for=\"192\\.0.2.1\"", "192.0.2.1", nil, nil), ("secret=x, for=192.0.2.1", "192.0.2.1", nil, nil),
            ("for=192.0.2.1, for=unknown", "10.0.0.1", nil, nil), ("for=_hidden", "10.0.0.1", nil, nil),
            ("for=192.0.2.1, proto=https", "10.0.0.1", nil, "https"),
            // What is malformed ends the way back.
            ("for=\"192.0.2.1", "10.0.0.1", nil, nil), ("for 192.0.2.1", "10.0.0.1", nil, nil),
            ("for=192.0.2.1;;", "192.0.2.1", nil, nil), ("for=\"a\\", "10.0.0.1", nil, nil), ("", "10.0.0.1", nil, nil),
            ("for=a b, for=192.0.2.1", "192.0.2.1", nil, nil),
            ("for=\", for=192.0.2.1", "192.0.2.1", nil, nil), ("for=192.0.2.1, for=\"10.0.0.2", "10.0.0.1", nil, nil),
            ("=192.0.2.1", "10.0.0.1", nil, nil),
        ] as [(String, String, String?, String?)])
    func forwarded(header: String, client: String, host: String?, scheme: String?) throws {
        let arrival = try arrival("10.0.0.1", proxies(.forwarded), ("Forwarded", header))
        #expect(arrival.client.description == client && arrival.authority == host && arrival.scheme == scheme)
        let untrusted = try self.arrival("192.0.2.7", proxies(.forwarded), ("Forwarded", header))
        #expect(untrusted.client.description == "192.0.2.7" && untrusted.authority == nil)
    }

    @Test("no header traps, whatever is in it")
    func random() throws {
        var random = SeededRandom.fromEnvironment(test: "forwarding headers")
        let pieces = [
            "for", "=", ";", ",", " ", "\"", "\\", "[", "]", ":", "192.0.2.1", "10.0.0.1", "2001:db8::1", "80", "host",
            "proto",
            "unknown", "_x", "é", "%", "\t",
        ]
        var found: Set<String> = []
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            found.insert(try arrival("10.0.0.1", proxies(), ("X-Forwarded-For", text)).client.description)
            found.insert(try arrival("10.0.0.1", proxies(.forwarded), ("Forwarded", text)).client.description)
        }
        #expect(found.isSuperset(of: ["192.0.2.1", "10.0.0.1"]) && found.allSatisfy { IPAddress($0) != nil })
    }

    @Test("a page is of the origin that the client asked for, not of the one behind the proxy")
    func sameOrigin() async throws {
        try await withServer({
            $0.proxies.ranges = [IPRange("127.0.0.1")].compactMap(\.self)
        }) { server in
            let request = { (headers: String) in
                "POST /body HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nX-Forwarded-For: 192.0.2.1\r\n\(headers)\r\n\r\n"
            }
            let cases = [
                ("Origin: https://a.example\r\nX-Forwarded-Host: a.example\r\nX-Forwarded-Proto: https", 200),
                ("Origin: http://a.example\r\nX-Forwarded-Host: a.example\r\nX-Forwarded-Proto: https", 403),
                ("Origin: https://b.example\r\nX-Forwarded-Host: a.example\r\nX-Forwarded-Proto: https", 403),
                ("Origin: https://a.example\r\nX-Forwarded-Host: a.example", 200), ("Origin: http://test", 200),
            ]
            for (headers, status) in cases {
                try #expect(server.answer(to: request(headers), isHead: status == 200).status == status, "\(headers)")
            }
            #expect(server.opener.opened.map(\.request.remoteAddress) == ["192.0.2.1", "192.0.2.1", "192.0.2.1"])
        }
    }

    @Test("on a loopback address, the host is the one in the request, whatever a proxy says")
    func rebinding() async throws {
        var listener = ListenSettings(host: "127.0.0.1", port: 0)
        listener.hosts = HostNames(["a.example"])
        try await withServer({
            $0.listeners = [listener]
            $0.proxies.ranges = [IPRange("127.0.0.1")].compactMap(\.self)
        }) { server in
            for (host, forwarded, status) in [
                ("evil.example", "a.example", 421), ("localhost", "evil.example", 404), ("a.example", "b", 404),
            ] {
                let request = "GET /x HTTP/1.1\r\nHost: \(host)\r\nX-Forwarded-Host: \(forwarded)\r\n\r\n"
                try #expect(server.answer(to: request).status == status)
            }
        }
    }
}

@Suite("Paths that are nearly right", .timeLimit(.minutes(3)))
struct NearlyRightPathTests {
    private func detail(_ path: String, on server: RunningServer) throws -> String {
        let answer = try server.answer(to: get(path))
        try #require(answer.status == 404)
        return answer.body
    }

    @Test("a slash too many is told, with the path that has a route")
    func slashes() async throws {
        try await withServer { server in
            for path in ["/once/", "//once", "//once//", "/once//"] {
                let body = try detail(path, on: server)
                #expect(body.contains("No producer has a route for \(path). Did you mean /once?"), "\(body)")
                #expect(body.contains(#""suggestion":"/once""#))
            }
            #expect(try detail("/nonce/", on: server).contains("No producer has a route for /nonce/.\""))
            #expect(try detail("/", on: server).contains("The server printed its routes when it started."))
        }
    }

    @Test("below a base path: its routes, its pages, and what is outside of it")
    func basePath() async throws {
        try await withServer({ $0.basePath = "/sub" }, pages: PageTable([Page(path: "/") { Array("page".utf8) }])) {
            server in
            try #expect(server.answer(to: get("/sub/once?a=b"), isHead: true).status == 200)
            #expect(server.opener.opened.last?.request.path == "/once")
            try #expect(server.answer(to: get("/sub")).body == "page")
            try #expect(server.answer(to: get("/sub/")).body == "page")
            for path in ["/once", "/sub/once/", "/sub//once"] {
                #expect(try detail(path, on: server).contains("Did you mean /sub/once?"), "\(path)")
            }
            for path in ["/", "/subonce", "/su", "/sub/nothing", "/other/once"] {
                #expect(try !detail(path, on: server).contains("Did you mean"), "\(path)")
            }
            try #expect(
                server.answer(to: "POST /sub/body HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx", isHead: true)
                    .status == 200)
            #expect(server.opener.opened.last?.request.body == Array("x".utf8))
        }
    }
}
