import Glibc
import ProducerInterface
import TestSupport
import Testing

/// The recipes of the page "Behind a proxy", as they are printed there.
@Suite(
    "Behind a proxy with its recipe", .onTestThreads,
    .enabled("none of nginx, haproxy, caddy, apache2, varnish and lighttpd is installed") {
        !Proxy.Kind.installed.isEmpty
    })
struct ProxyRecipeTests {
    private func withProxy(
        _ kind: Proxy.Kind, _ plugins: [String], flags: [String] = [], _ body: (SluiceServer, Proxy) throws -> Void
    ) throws {
        try withServer(plugins, flags: ProxyRecipe.serverFlags() + flags) { server in
            let recipe = try ProxyRecipe(kind)
            let proxy = try Proxy(kind) { try recipe.configuration(server.port, $0, $1) }
            try proxy.explaining { try body(server, proxy) }
        }
    }

    private func ask(
        _ target: String, _ proxy: Proxy, headers: [(String, String)] = [], body: String? = nil
    ) throws -> ProxiedStream {
        try ProxiedStream(target, through: proxy.port, host: ProxyRecipe.host, headers: headers, body: body)
    }

    @Test("each event arrives before the next one is made, and comments arrive", arguments: Proxy.Kind.installed)
    func events(_ kind: Proxy.Kind) throws {
        try withProxy(kind, ["EventsAtTheGate", "WaitsForEver"], flags: ["--keep-alive", "200ms"]) { server, proxy in
            // The proxy compresses other responses.
            let stream = try ask(
                "/events-at-the-gate?count=3&tag=a", proxy, headers: [("Accept-Encoding", "gzip, br")])
            for number in 1...3 {
                server.openGate()
                #expect(try stream.nextEvent().data == "\(number)")
            }
            #expect(try stream.head()["Content-Encoding"] == nil)
            try server.expectClose(of: "a", .completed)
            let silent = try ask("/waits-for-ever", proxy)
            #expect(try silent.nextEvent().data == "the only one")
            for _ in 1...2 { #expect(try silent.text(through: "\n") == ":\n") }
        }
    }

    @Test("a POST and Last-Event-ID arrive; 300 events are whole and in order", arguments: Proxy.Kind.installed)
    func wholeStream(_ kind: Proxy.Kind) throws {
        try withProxy(kind, ["TellsTheRequest", "TicksWithIds"]) { server, proxy in
            let post = try ask("/tells-the-request", proxy, body: "the body")
            let seen = try post.nextEvent().data ?? ""
            #expect(seen.hasPrefix("method=POST\n") && seen.hasSuffix("body=the body"), "\(seen)")
            let stream = try ask("/ticks-with-ids?count=307&every=1&tag=a", proxy, headers: [("Last-Event-ID", "7")])
            for number in 8...307 { try #require(try stream.nextEvent().data == "\(number)") }
            #expect(try stream.nextEvent().type == "sluice-end")
            try server.expectClose(of: "a", .completed)
        }
    }

    @Test("the client's address, host and protocol, whatever the client says", arguments: Proxy.Kind.installed)
    func address(_ kind: Proxy.Kind) throws {
        try withProxy(kind, ["TellsTheRequest"]) { _, proxy in
            let forgeries = [
                ("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9;host=evil.example"),
                ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"),
            ]
            for forged in [[], forgeries] {
                let stream = try ask("/tells-the-request", proxy, headers: forged)
                let seen = try stream.nextEvent().data ?? ""
                #expect(seen.contains("\nremote-address=\(ProxiedStream.address)\n"), "\(seen)")
                // A POST is accepted from pages of the origin that the client has asked for.
                for (origin, status) in [
                    ("http://\(ProxyRecipe.host)", 200), ("https://\(ProxyRecipe.host)", 403),
                    ("http://evil.example", 403),
                ] {
                    let post = try ask(
                        "/tells-the-request", proxy, headers: forged + [("Origin", origin)], body: "x")
                    #expect(try post.head().status == status, "\(origin) \(forged)")
                }
            }
        }
    }

    @Test("a client that leaves a silent stream is noticed", arguments: Proxy.Kind.installed, Departure.allCases)
    func leaving(_ kind: Proxy.Kind, _ departure: Departure) throws {
        // As the page says, these three need no comment for it.
        let keepAlive = [.nginx, .haproxy, .caddy].contains(kind) ? "1h" : "200ms"
        try withProxy(kind, ["WaitsForEver"], flags: ["--keep-alive", keepAlive]) { server, proxy in
            let stream = try ask("/waits-for-ever?tag=a", proxy)
            #expect(try stream.nextEvent().data == "the only one")
            departure.leave(stream.client)
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("while the server is away, an EventSource is told to reconnect", arguments: Proxy.Kind.installed)
    func restarting(_ kind: Proxy.Kind) throws {
        let port = try freePort()
        let recipe = try ProxyRecipe(kind)
        let proxy = try Proxy(kind) { try recipe.configuration(port, $0, $1) }
        try proxy.explaining {
            let source = try ask("/waits-for-ever", proxy, headers: [("Accept", "text/event-stream")])
            #expect(try source.head().status == 200)
            #expect(try source.head()["Content-Type"]?.hasPrefix("text/event-stream") == true)
            #expect(try source.text(through: "retry: 3000\n") == "retry: 3000\n")
            let other = try ask("/waits-for-ever", proxy, headers: [("Accept", "*/*")])
            #expect(try [502, 503].contains(other.head().status))

            let flags = try ["--listen", "127.0.0.1:\(port)"] + ProxyRecipe.serverFlags()
            try withServer(["WaitsForEver"], flags: flags) { _ in
                let isBack = try blockingEventually {
                    let again = try ask("/waits-for-ever", proxy, headers: [("Accept", "text/event-stream")])
                    // The proxy's own answer has a length, or ends.
                    guard try again.head()["Content-Length"] == nil else { return false }
                    return (try? again.nextEvent().data) == "the only one"
                }
                #expect(isBack)
            }
        }
    }

    @Test(
        "an EventSource survives a restart of the server, and misses nothing",
        .enabled("nginx, or chromium with chromedriver, is not installed") {
            Proxy.Kind.nginx.isInstalled && Browser.Kind.chromium.isInstalled
        })
    func browser() throws {
        let port = try freePort()
        let recipe = try ProxyRecipe(.nginx)
        let proxy = try Proxy(.nginx) { try recipe.configuration(port, $0, $1) }
        let flags = try ["--listen", "127.0.0.1:\(port)", "--retry", "200ms"] + ProxyRecipe.serverFlags()
        let browser = try Browser()
        defer { browser.quit() }
        try withServer(["TicksWithIds"], flags: flags) { _ in
            try browser.open("http://127.0.0.1:\(proxy.port)/")
            let count: Int = try browser.run(
                """
                window.seen = [];
                window.errors = 0;
                window.source = new EventSource('/ticks-with-ids?every=20');
                window.look = () => {};
                const note = event => { seen.push(Number(event.data)); look() };
                source.onmessage = note;
                source.addEventListener('even', note);
                source.onerror = () => { errors++; look() };
                window.look = () => { if (seen.length >= 3) { look = () => {}; done(seen.length) } };
                """)
            #expect(count >= 3)
        }
        // The first error is the end of the stream, the second one that of the proxy's answer.
        let state: Int = try browser.run(
            "window.look = () => { if (errors >= 2) { look = () => {}; done(source.readyState) } }; look();")
        #expect(state == 0, "CONNECTING: it has not given up")
        try withServer(["TicksWithIds"], flags: flags) { _ in
            let seen: [Int] = try browser.run(
                """
                const before = seen.length;
                window.look = () => { if (seen.length > before + 2) { source.close(); done(seen) } };
                """)
            #expect(seen == Array(1...seen.count))
        }
    }

    @Test("errors of the server and of producers pass through", arguments: Proxy.Kind.installed)
    func errors(_ kind: Proxy.Kind) throws {
        try withProxy(kind, ["RefusesStreams"]) { _, proxy in
            for (target, status, text) in [
                ("/no-such-route", 404, "/no-such-route."), ("/refuses-streams?status=502", 502, "not for you"),
                ("/refuses-streams?status=503", 503, "not for you"),
                ("/refuses-streams?status=504", 504, "not for you"),
            ] {
                let refused = try ask(target, proxy, headers: [("Accept", "text/event-stream")])
                #expect(try refused.head().status == status, "\(target)")
                #expect(try refused.text(through: "\"}").contains(text))
            }
        }
    }
}
