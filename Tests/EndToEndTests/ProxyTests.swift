import ProducerInterface
import TestSupport
import Testing

/// Proxies that are told nothing but where the server is.
@Suite(
    "Behind a proxy without settings", .onTestThreads,
    .enabled("neither nginx nor haproxy nor caddy is installed") { !Proxy.Kind.usual.isEmpty })
struct ProxyTests {
    private func withProxy(
        _ kind: Proxy.Kind, _ plugins: [String], flags: [String] = [], _ body: (SluiceServer, Proxy) throws -> Void
    ) throws {
        try withServer(plugins, flags: flags) { server in
            let proxy = try Proxy(kind) { port, _ in
                switch kind {
                case .nginx:
                    """
                    server {
                        listen 127.0.0.1:\(port);
                        location / { proxy_pass http://127.0.0.1:\(server.port); }
                    }

                    """
                case .haproxy:
                    """
                    defaults
                        mode http
                        timeout connect 5s
                        timeout client 50s
                        timeout server 50s
                    listen web
                        bind 127.0.0.1:\(port)
                        server web 127.0.0.1:\(server.port)

                    """
                default: "http://:\(port) {\n    bind 127.0.0.1\n    reverse_proxy 127.0.0.1:\(server.port)\n}\n"
                }
            }
            try proxy.explaining { try body(server, proxy) }
        }
    }

    @Test("each event arrives before the next one is made", arguments: Proxy.Kind.usual)
    func events(_ kind: Proxy.Kind) throws {
        try withProxy(kind, ["EventsAtTheGate"]) { server, proxy in
            let stream = try ProxiedStream("/events-at-the-gate?count=3&tag=a", through: proxy.port)
            for number in 1...3 {
                server.openGate()
                #expect(try stream.nextEvent().data == "\(number)")
            }
            try server.expectClose(of: "a", .completed)
        }
    }

    @Test("a POST and Last-Event-ID arrive; 300 events are whole and in order", arguments: Proxy.Kind.usual)
    func wholeStream(_ kind: Proxy.Kind) throws {
        try withProxy(kind, ["TellsTheRequest", "TicksWithIds"]) { server, proxy in
            let post = try ProxiedStream("/tells-the-request", through: proxy.port, body: "the body")
            let seen = try post.nextEvent().data ?? ""
            #expect(seen.hasPrefix("method=POST\n") && seen.hasSuffix("body=the body"), "\(seen)")
            let stream = try ProxiedStream(
                "/ticks-with-ids?count=307&every=1&tag=a", through: proxy.port, headers: [("Last-Event-ID", "7")])
            for number in 8...307 { try #require(try stream.nextEvent().data == "\(number)") }
            #expect(try stream.nextEvent().type == "sluice-end")
            try server.expectClose(of: "a", .completed)
        }
    }

    @Test(
        "the client's address: Caddy names it, the others pass on what the client has made up",
        arguments: Proxy.Kind.usual)
    func address(_ kind: Proxy.Kind) throws {
        try withProxy(kind, ["TellsTheRequest"], flags: ["--trusted-proxies", "127.0.0.1"]) { _, proxy in
            for (forged, found) in [(nil, "127.0.0.1"), ("203.0.113.9", "203.0.113.9")] {
                let stream = try ProxiedStream(
                    "/tells-the-request", through: proxy.port,
                    headers: forged.map { [("X-Forwarded-For", $0)] } ?? [])
                let seen = try stream.nextEvent().data ?? ""
                let address = kind == .caddy ? ProxiedStream.address : found
                #expect(seen.contains("\nremote-address=\(address)\n"), "\(seen)")
            }
        }
    }

    @Test("a client that leaves a silent stream is noticed", arguments: Proxy.Kind.usual, Departure.allCases)
    func leaving(_ kind: Proxy.Kind, _ departure: Departure) throws {
        try withProxy(kind, ["WaitsForEver"], flags: ["--keep-alive", "200ms"]) { server, proxy in
            let stream = try ProxiedStream("/waits-for-ever?tag=a", through: proxy.port)
            #expect(try stream.nextEvent().data == "the only one")
            departure.leave(stream.client)
            try server.expectClose(of: "a", .disconnected)
        }
    }
}
