import ProducerInterface
import SystemCalls
import TestSupport
import Testing

/// A FIN after the request, as sent by some proxies and `nc -N`, however soon.
@Suite("A subscriber that ends its sending side after its request", .onTestThreads)
struct HalfClosingTests {
    /// Streams without a thread, with one, shared by all and opened anew, and ways to send the request.
    private static let targets = [
        "/ends-after-count?count=3", "/sleeps-in-next?", "/shared-ticks?count=100", "/tells-the-request?",
    ]
    private static let forms = [
        (head: "GET", version: "1.1", rest: "\r\n"), (head: "GET", version: "1.0", rest: "\r\n"),
        (head: "POST", version: "1.1", rest: "Content-Length: 0\r\n\r\n"),
        (head: "POST", version: "1.1", rest: "Content-Length: 2\r\n\r\n{}"),
        (head: "POST", version: "1.1", rest: "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        // Too large for one read, and not plain.
        (head: "GET", version: "1.1", rest: "X: " + String(repeating: "x", count: 3000) + "\r\n\r\n"),
    ]

    @Test("gets its stream, whenever the end arrives")
    func atAnyMoment() throws {
        var random = SeededRandom.fromEnvironment(test: "half-closing")
        try withServer(["EndsAfterCount", "SleepsInNext", "SharedTicks", "TellsTheRequest"]) { server in
            var late = 0
            for number in 0..<240 {
                let target = Self.targets[number % Self.targets.count]
                let form =
                    target.hasPrefix("/tells") ? Self.forms.randomElement(using: &random)! : Self.forms[number % 8 / 4]
                let delay = Int64.random(in: 0...2000, using: &random) * 1000
                let client = try server.connect()
                try client.send(
                    "\(form.head) \(target)&tag=\(number) HTTP/\(form.version)\r\nHost: localhost\r\n\(form.rest)")
                // Microseconds matter, and no sleep is that exact.
                let sent = monotonicNanoseconds()
                while monotonicNanoseconds() < sent + delay {}
                let ended = monotonicNanoseconds()
                client.halfClose()
                let subscriber = TestSubscriber(on: client)
                guard let head = try? subscriber.head() else {
                    // An open that takes long is cancelled; on a busy machine, this can happen to any.
                    late += 1
                    #expect(monotonicNanoseconds() > ended + 20_000_000, "\(number): \(form) \(target), \(delay) ns")
                    continue
                }
                #expect(head.status == 200)
                #expect(try subscriber.nextEvent().data?.isEmpty == false)
            }
            print("half-closing: \(late) of 240 opens took longer than their grace")
            #expect(late < 120)
        }
    }

    @Test("and is closed by the reset that answers its first bytes, if it is gone")
    func gone() throws {
        try withServer(["WaitsForEver", "SleepsInNext"]) { server in
            for number in 0..<40 {
                let route = number % 2 == 0 ? "/waits-for-ever" : "/sleeps-in-next"
                let subscriber = try server.subscribe(opening: route, tag: "\(number)")
                let left = monotonicNanoseconds()
                subscriber.client.close()
                let closed = try server.expectClose(of: "\(number)", .disconnected)
                if number % 20 == 0 { print("gone: closed after \((closed.nanoseconds - left) / 1000) µs") }
                #expect(closed.nanoseconds - left < 2_000_000_000)
            }
        }
    }
}
