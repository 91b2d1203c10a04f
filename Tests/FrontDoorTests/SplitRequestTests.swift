import TestSupport
import Testing

@testable import FrontDoor

@Suite("Requests in pieces", .timeLimit(.minutes(3)))
struct SplitRequestTests {
    /// Requests that leave the connection open, and requests that end it, with their statuses.
    private static let persistent: [(String, [Int])] = [
        (get("/missing"), [404]),
        ("\r\n" + get("/missing", "X-Long: " + String(repeating: "v", count: 3000)), [404]),
        ("OPTIONS /body HTTP/1.1\r\nHost: a\r\n\r\n", [204]),
        ("POST /once HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\nGET / HTTP\r\n\r", [405]),
        (
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n1\r\n\n\r\n0\r\nT: t\r\n\r\n",
            [404]
        ),
        (get("/number?n=a"), [400]),
        (get("/once", "Accept: image/png"), [406]),
        (get("/%zz"), [400]),
    ]
    private static let last: [(String, [Int])] = [
        (get("/once"), [200]),
        (get("/ended", "Connection: close"), [204]),
        ("GET /missing HTTP/1.0\r\n\r\n", [404]),
        (get("/missing", "X: " + String(repeating: "v", count: 17_000)), [431]),
        ("GET /once HTTP/1.1\r\n\r\n", [400]),
        ("nonsense\r\n\r\n", [400]),
        ("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", [413]),
        ("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", [200]),
        (get("/full", "Accept: text/event-stream"), [200]),
        (get("/rejected/451", "Upgrade: x", "Connection: upgrade"), [451]),
    ]

    @Test("However a conversation is split, the answers are the same")
    func random() async throws {
        var random = SeededRandom.fromEnvironment(test: "split requests")
        try await withServer { server in
            for _ in 0..<250 {
                let parts =
                    (0..<Int.random(in: 0...6, using: &random)).map { _ in
                        Self.persistent.randomElement(using: &random)!
                    } + [Self.last.randomElement(using: &random)!]
                let bytes = Array(parts.map(\.0).joined().utf8)
                let cuts = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                    Int.random(in: 0...bytes.count, using: &random)
                }
                let client = try server.connect()
                var start = 0
                for cut in cuts.sorted() + [bytes.count] {
                    // The server may have answered and closed before the last piece.
                    try? client.send(Array(bytes[start..<cut]))
                    if Bool.random(using: &random) { await Task.yield() }
                    start = cut
                }
                let everything = try client.readToEnd()
                let statuses = everything.matches(of: #/HTTP/1\.1 (\d{3}) /#).map { Int($0.1)! }
                #expect(statuses == parts.flatMap(\.1))
            }
            #expect(await eventually { server.server.connectionCount == 0 })
        }
    }

    @Test("Noise never opens a stream and never kills the server")
    func noise() async throws {
        var random = SeededRandom.fromEnvironment(test: "noise")
        try await withServer { server in
            for _ in 0..<300 {
                var bytes = Array(get("/missing", "A: b", "Content-Length: 3").utf8) + Array("abc".utf8)
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0...2, using: &random) {
                    case 0: bytes[place] = .random(in: 0...255, using: &random)
                    case 1: bytes.remove(at: place)
                    default: bytes.insert(.random(in: 0...255, using: &random), at: place)
                    }
                }
                let client = try server.connect()
                try? client.send(bytes)
                client.halfClose()
                _ = try client.readToEnd()
            }
            #expect(await eventually { server.server.connectionCount == 0 })
            #expect(server.opener.opened.isEmpty)
            try #expect(server.answer(to: get("/missing")).status == 404)
        }
    }
}
