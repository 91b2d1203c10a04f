import ProducerInterface
import TestSupport
import Testing

/// Pages of another origin, in real browsers: the policy is theirs to enforce.
@Suite(
    "A page of another origin", .onTestThreads, .serialized,
    .enabled("neither chromium with chromedriver nor firefox-esr is installed") { !Browser.Kind.installed.isEmpty })
struct CrossOriginBrowserTests {
    /// A server of one empty page, on a port of its own.
    private final class PageServer {
        private let directory = TemporaryDirectory()
        private let program: RunningProgram
        let url: String

        init() throws {
            directory.write("<!doctype html><title>page</title>".utf8, to: "index.html")
            program = try RunningProgram([
                "python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", directory.path,
            ])
            guard let line = program.output.wait(.seconds(20), until: { $0.contains("port ") }),
                let port = line.firstMatch(of: /port (\d+)/)?.output.1
            else { throw TestFailure("no server of pages: \(program.output.lines) \(program.errors.lines)") }
            url = "http://127.0.0.1:\(port)"
        }

        deinit { program.signal(9) }
    }

    /// - Parameter flags: get the page's origin.
    private func withPage(
        _ kind: Browser.Kind, _ plugins: [String], flags: (String) -> [String],
        _ body: (SluiceServer, Browser) throws -> Void
    ) throws {
        let pages = try PageServer()
        let browser = try Browser(kind)
        defer { browser.quit() }
        try withServer(plugins, flags: flags(pages.url)) { server in
            try browser.open(pages.url + "/")
            try body(server, browser)
        }
    }

    /// The first event of an EventSource, or "closed" if the browser gives up.
    private func firstEvent(_ url: String, _ options: String = "") -> String {
        """
        document.cookie = 'who=me';
        const source = new EventSource('\(url)'\(options));
        source.onmessage = event => { source.close(); done(event.data) };
        source.onerror = () => { if (source.readyState === EventSource.CLOSED) done('closed') };
        """
    }

    @Test("reads a stream if its origin is allowed, without its cookies", arguments: Browser.Kind.installed)
    func allowed(_ kind: Browser.Kind) throws {
        try withPage(kind, ["TellsTheRequest"], flags: { ["--cors-origins", $0] }) { server, browser in
            let event: String = try browser.run(firstEvent("\(server.url)/tells-the-request"))
            #expect(event.contains("method=GET\n") && event.contains("cookie=(none)"), "\(event)")
            // With cookies, it may not.
            let other: String = try browser.run(
                firstEvent("\(server.url)/tells-the-request", ", { withCredentials: true }"))
            #expect(other == "closed")
        }
    }

    @Test("reads nothing if no origin is allowed, or only others are", arguments: Browser.Kind.installed)
    func notAllowed(_ kind: Browser.Kind) throws {
        for flags in [[], ["--cors-origins", "https://a.example,https://*.b.example"]] {
            try withPage(kind, ["WaitsForEver"], flags: { _ in flags }) { server, browser in
                #expect(try browser.run(firstEvent("\(server.url)/waits-for-ever")) == "closed")
                try server.waitForLog("a hint", within: .seconds(10)) {
                    $0.message == "a page of another origin can't read responses; cors-origins can allow it"
                }
            }
        }
    }

    @Test("reads a stream with its cookies, if they are allowed, too", arguments: Browser.Kind.installed)
    func credentials(_ kind: Browser.Kind) throws {
        try withPage(kind, ["TellsTheRequest"], flags: { ["--cors-origins", $0, "--cors-credentials"] }) {
            server, browser in
            let event: String = try browser.run(
                firstEvent("\(server.url)/tells-the-request", ", { withCredentials: true }"))
            #expect(event.contains("cookie=who=me"), "\(event)")
        }
    }

    @Test(
        "reconnects with the id of its last event, and is not lost while the server is at its limit",
        arguments: Browser.Kind.installed)
    func reconnecting(_ kind: Browser.Kind) throws {
        try withPage(
            kind, ["FailsAfterCount", "WaitsForEver"],
            flags: { ["--cors-origins", $0, "--max-streams", "1", "--retry", "6s"] }
        ) { server, browser in
            let _: String = try browser.run(
                """
                window.source = new EventSource('\(server.url)/fails-after-count?count=3&ids=1&tag=page');
                window.opens = 0;
                source.onopen = () => opens++;
                window.shed = new Promise(resolve => {
                    source.onerror = () => { if (opens === 2) resolve(source.readyState) };
                });
                source.addEventListener('stream-error', event => done(event.data));
                """)
            let holder = try server.subscribe("/waits-for-ever?tag=holder")
            _ = try holder.nextEvent()
            // The answer to the first attempt is an empty stream that says when to come back.
            let state: Int = try browser.run("shed.then(done)")
            #expect(state == 0, "CONNECTING: it has not given up")
            holder.client.close()
            try server.expectClose(of: "holder", .disconnected)
            let data: String = try browser.run("source.onmessage = event => { source.close(); done(event.data) }")
            #expect(data == "1")
            try server.ledger.settle()
            #expect(server.ledger.streams.last { $0.tag == "page" }?.lastEventID == "3")
        }
    }

    @Test("sends a POST with JSON after a preflight request, and reads the stream", arguments: Browser.Kind.installed)
    func posting(_ kind: Browser.Kind) throws {
        let script = { (url: String) in
            """
            fetch('\(url)/tells-the-request', {
                method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json', 'X-Asked': 'page' },
            }).then(async response => {
                const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
                let text = '';
                while (!text.includes('body=')) text += (await reader.read()).value;
                await reader.cancel();
                done(response.status + text);
            }).catch(() => done('failed'));
            """
        }
        try withPage(kind, ["TellsTheRequest"], flags: { ["--cors-origins", $0] }) { server, browser in
            let text: String = try browser.run(script(server.url))
            #expect(
                text.hasPrefix("200") && text.contains("x-asked=page") && text.contains(#"body={"a":1}"#), "\(text)")
        }
        try withPage(kind, ["TellsTheRequest"], flags: { _ in [] }) { server, browser in
            #expect(try browser.run(script(server.url)) == "failed")
            // Neither it nor a form, for which there is no preflight request, reaches the plugin.
            let form: String = try browser.run(
                """
                fetch('\(server.url)/tells-the-request', { method: 'POST', body: 'a=1', mode: 'no-cors' })
                    .then(response => done(response.type)).catch(() => done('failed'));
                """)
            #expect(form == "opaque")
            try server.ledger.settle()
            #expect(server.ledger.streams.isEmpty)
        }
    }

    @Test("what went wrong can be read, too", arguments: Browser.Kind.installed)
    func errors(_ kind: Browser.Kind) throws {
        try withPage(kind, ["WaitsForEver"], flags: { ["--cors-origins", $0, "--max-streams", "1"] }) {
            server, browser in
            let holder = try server.subscribe("/waits-for-ever")
            _ = try holder.nextEvent()
            for (target, status) in [("/missing", 404), ("/waits-for-ever", 503)] {
                let seen: Int = try browser.run(
                    "fetch('\(server.url)\(target)').then(response => done(response.status)).catch(() => done(0))")
                #expect(seen == status, "\(target)")
            }
        }
    }
}
