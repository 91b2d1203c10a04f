import ProducerInterface
import TestSupport
import Testing

/// sluice.h allows calls from any thread, even from one with the system's smallest stack.
@Suite("Threads with a stack of 16 KiB", .onTestThreads)
struct SmallStackTests {
    private static let smallest = 16 * 1024

    @Test("call every service of the host, correctly, incorrectly and too late")
    func survive() throws {
        try withServer(["CallsFromASmallStack"]) { server in
            let subscriber = try server.subscribe(
                opening: "/calls-from-a-small-stack?stack=\(Self.smallest)", tag: "a")
            _ = try subscriber.nextEvent()
            try server.expectClose(of: "a", .completed)
            let late = try server.connect()
            try late.send(
                "GET /calls-from-a-small-stack?stack=\(Self.smallest)&stale=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try late.readResponse().status == 204)
            late.close()
            try server.waitForLog("from a small stack")
            try server.waitForLog("from a small stack, of no stream")
            for line in [
                "host->emit was given an event in which id contains a newline",
                "host->opened was called after open had answered",
                "host->emit was called for a stream that is over",
            ] {
                try server.waitForLog("“\(line)…”") { $0.message.hasPrefix(line) }
            }
        }
    }

    /// In a debug build, the first call also uses stack for lookups by Swift's runtime.
    @Test(
        "can make the first call in the process",
        arguments: [
            "call_bound", "call_event", "emit_event", "emit_invalid", "wake", "schedule", "query", "set_header",
            "reject",
        ])
    func first(call: String) throws {
        try withServer(["CallsFromASmallStack"]) { server in
            let subscriber = try server.subscribe(
                opening: "/calls-from-a-small-stack?stack=\(Self.smallest)&only=\(call)", tag: "a")
            _ = try subscriber.rest()
            try server.expectClose(of: "a", .completed)
            let called = server.ledger.entries.filter { $0.what == "note" && $0.details.first == "next-\(call)" }
            #expect(called.count == 1)
        }
    }

    @Test("have this much stack left")
    func measure() throws {
        try withServer(["CallsFromASmallStack"]) { server in
            let subscriber = try server.subscribe(opening: "/calls-from-a-small-stack", tag: "a")
            _ = try subscriber.nextEvent()
            try server.expectClose(of: "a", .completed)
            let late = try server.connect()
            try late.send("GET /calls-from-a-small-stack?stale=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try late.readResponse().status == 204)
            late.close()
            let depths = server.ledger.entries.filter { $0.what == "note" && $0.details.count == 2 }.map {
                (name: $0.details[0], bytes: Int($0.details[1]) ?? .max)
            }
            #expect(depths.count > 50)
            // Including the part of the kernel and the C library, as used by a thread that does nothing.
            for (name, bytes) in depths.sorted(by: { $0.bytes > $1.bytes }).prefix(12) {
                print("stack: \(bytes) \(name)")
            }
            for (name, bytes) in depths { #expect(bytes <= Self.smallest - 1024, "\(name)") }
        }
    }
}
