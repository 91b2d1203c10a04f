import EventStream
import Glibc
import ProducerInterface
import SystemCalls
import TestSupport
import Testing

/// The EventSource of Chromium and of Firefox. In Chromium, it runs in a page of the server's origin; any answer of the
/// server is one, such as a 404. Firefox shows JSON in a page without an origin, so any page is used there, and the
/// fixtures allow that (`cors=true`).
@Suite(
    "A browser's EventSource", .onTestThreads, .serialized,
    .enabled("neither chromium with chromedriver nor firefox-esr is installed") { !Browser.Kind.installed.isEmpty })
struct BrowserTests {
    @Test("events, named events and ids; after the end it does not reconnect", arguments: Browser.Kind.installed)
    func events(_ kind: Browser.Kind) throws {
        try withBrowser(kind, ["TicksWithIds"], flags: ["--retry", "200ms"]) { server, browser in
            let seen: [String] = try browser.run(
                """
                const seen = [];
                const source = new EventSource('\(server.url)/ticks-with-ids?count=6&every=5&tag=a&cors=true');
                source.onopen = () => seen.push('open');
                source.onmessage = event => seen.push(`message ${event.lastEventId} ${event.data}`);
                source.addEventListener('even', event => seen.push(`even ${event.lastEventId} ${event.data}`));
                source.onerror = () => { if (source.readyState === EventSource.CLOSED) done(seen) };
                """)
            #expect(
                seen == [
                    "open", "message 1 1", "even 2 2", "message 3 3", "even 4 4", "message 5 5", "even 6 6",
                ])
            try server.expectClose(of: "a", .completed)
            #expect(server.ledger.streams.count == 1, "the plugin was asked again after its end")
        }
    }

    @Test("reconnects with Last-Event-ID and misses nothing")
    func reconnects() throws {
        try withBrowser(.chromium, ["TicksWithIds"], flags: ["--max-age", "500ms", "--retry", "200ms"]) {
            server, browser in
            let seen: [Int] = try browser.run(
                """
                const seen = [];
                let opens = 0;
                const source = new EventSource('/ticks-with-ids?every=20');
                const note = event => {
                    seen.push(Number(event.data));
                    if (opens === 3) { source.close(); done(seen) }
                };
                source.onopen = () => opens++;
                source.onmessage = note;
                source.addEventListener('even', note);
                """)
            #expect(seen == Array(1...seen.count))
            try server.ledger.settle()
            let streams = server.ledger.streams
            #expect(streams.count == 3)
            #expect(streams.first?.lastEventID == "-")
            #expect(streams.dropFirst().allSatisfy { $0.lastEventID.flatMap { Int($0) } != nil })
            #expect(streams.last?.lastEventID == String(seen.count - 1))
            #expect(streams.first?.reason == .expired)
        }
    }

    @Test("close() in the page is close() in the plugin")
    func closes() throws {
        try withBrowser(.chromium, ["TicksWithIds"]) { server, browser in
            let closedAt: Double = try browser.run(
                """
                const source = new EventSource('/ticks-with-ids?every=50&tag=a');
                source.onmessage = event => {
                    if (event.data !== '3') return;
                    const now = performance.timeOrigin + performance.now();
                    source.close();
                    done(now);
                };
                """)
            let closed = try server.expectClose(of: "a", .disconnected)
            let took = Double(closed.nanoseconds + wallClockOffset()) / 1e6 - closedAt
            print("EventSource.close() to the plugin's close: \(took) ms")
            #expect(took < 2000)
        }
    }

    @Test("a failed stream reports it with its own event type")
    func failure() throws {
        try withBrowser(.chromium, ["FailsAfterCount"]) { server, browser in
            let seen: [String] = try browser.run(
                """
                const seen = [];
                const source = new EventSource('/fails-after-count?count=3&tag=a');
                source.onmessage = event => seen.push(event.data);
                source.addEventListener('stream-error', event => { source.close(); done([...seen, event.data]) });
                """)
            #expect(seen == ["1", "2", "3", "the well is dry"])
            try server.expectClose(of: "a", .failed)
        }
    }

    @Test("over capacity, it keeps trying, and gets its stream when there is room")
    func overCapacity() throws {
        try withBrowser(.chromium, ["WaitsForEver"], flags: ["--max-streams", "1", "--retry", "200ms"]) {
            server, browser in
            let holder = try server.subscribe("/waits-for-ever?tag=holder")
            _ = try holder.nextEvent()
            let state: Int = try browser.run(
                """
                window.source = new EventSource('/waits-for-ever?tag=a');
                source.onerror = () => done(source.readyState);
                """)
            #expect(state == 0, "CONNECTING: it has not given up")
            holder.client.close()
            try server.expectClose(of: "holder", .disconnected)
            let data: String = try browser.run("source.onmessage = event => { source.close(); done(event.data) }")
            #expect(data == "the only one")
            try server.expectClose(of: "a", .disconnected)
        }
    }

    @Test("a stream that ends without ids of its own is not opened again", arguments: Browser.Kind.installed)
    func endsWithoutIDs(_ kind: Browser.Kind) throws {
        try withBrowser(kind, ["EndsAfterCount"], flags: ["--retry", "100ms"]) { server, browser in
            let seen: [String] = try browser.run(
                """
                const seen = [];
                const source = new EventSource('\(server.url)/ends-after-count?count=2&tag=a&cors=true');
                source.onmessage = event => seen.push(event.data);
                source.onerror = () => { if (source.readyState === EventSource.CLOSED) done(seen) };
                """)
            #expect(seen == ["1", "2"])
            try server.ledger.settle()
            #expect(server.ledger.streams.count == 1, "the plugin was asked again after its end")
        }
    }

    @Test(
        "cut off before its first event, a subscriber of a shared stream resumes where it was",
        arguments: Browser.Kind.installed)
    func anchor(_ kind: Browser.Kind) throws {
        try withBrowser(kind, ["SharedTicks"], flags: ["--max-age", "300ms", "--retry", "100ms"]) { server, browser in
            // An event every 700 ms, and no response older than 300 ms, so most responses end before an event arrives.
            let seen: [Int] = try browser.run(
                """
                const seen = [];
                const source = new EventSource('\(server.url)/shared-ticks?every=700&tag=a&cors=true');
                source.onmessage = event => {
                    seen.push(Number(event.data));
                    if (seen.length === 4) { source.close(); done(seen) }
                };
                """)
            #expect(seen == Array(seen[0]..<seen[0] + 4))
        }
    }

    @Test("a producer's own reconnection time is kept after the end of its stream", arguments: Browser.Kind.installed)
    func producersRetry(_ kind: Browser.Kind) throws {
        let plugin = try fixturePlugin("SetsRetry")
        try withBrowser(kind, [plugin], flags: ["--max-age", "300ms", "--retry", "50ms"]) { server, browser in
            let times: [Double] = try browser.run(
                """
                const times = [];
                const source = new EventSource('\(server.url)/sets-retry?retry=900&tag=a&cors=true');
                source.onopen = () => { times.push(performance.now()); if (times.length === 3) { source.close(); done(times) } };
                """)
            #expect(times.count == 3)
            for (earlier, later) in zip(times, times.dropFirst()) { #expect(later - earlier > 1100, "\(times)") }
        }
    }

    private func withBrowser(
        _ kind: Browser.Kind, _ plugins: [String], flags: [String] = [],
        _ body: (SluiceServer, Browser) throws -> Void
    ) throws {
        let browser = try Browser(kind)
        defer { browser.quit() }
        try withServer(plugins, flags: flags) { server in
            try browser.open(kind == .firefox ? "about:blank" : server.url + "/a-page-of-this-origin")
            try body(server, browser)
        }
    }

    /// The wall clock minus the monotonic clock, in nanoseconds.
    private func wallClockOffset() -> Int64 {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        return Int64(wall.tv_sec) * 1_000_000_000 + Int64(wall.tv_nsec) - monotonicNanoseconds()
    }
}
