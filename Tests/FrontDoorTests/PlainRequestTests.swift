import NIOCore
import NIOEmbedded
import NIOHTTP1
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Plain requests")
struct PlainRequestTests {
    private func head(_ text: String, maxHeaderCount: Int = 100) -> HTTPRequestHead? {
        Array(text.utf8).withUnsafeBytes { PlainRequest.head($0, maxHeaderCount: maxHeaderCount) }
    }

    @Test("Subscribers' requests are read: target and headers, unchanged")
    func read() throws {
        let browser = try #require(
            head(
                "GET /ticker/A%20B?interval=1 HTTP/1.1\r\nHost: example.org:8080\r\nConnection: Keep-Alive\r\n"
                    + "Accept: text/event-stream\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nLast-Event-ID: a-1\r\n\r\n"
            ))
        #expect(browser.method == .GET && browser.version == .http1_1)
        #expect(browser.uri == "/ticker/A%20B?interval=1")
        #expect(browser.headers["user-agent"] == ["Mozilla/5.0 (X11; Linux x86_64)"])
        #expect(browser.headers.map(\.name) == ["Host", "Connection", "Accept", "User-Agent", "Last-Event-ID"])
        #expect(browser.isKeepAlive)
        #expect(head("GET / HTTP/1.1\r\n\r\n")?.headers.isEmpty == true)
    }

    @Test(
        "Everything else is left to the parser",
        arguments: [
            "", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\nG",
            "\r\nGET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
            "GET /  HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n", "GET * HTTP/1.1\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\n\r\n", "GET /\u{e9} HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\r\nA: b\n\r\n", "GET / HTTP/1.1\r\nA:b\r\n\r\n", "GET / HTTP/1.1\r\nA:  b\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b \r\n\r\n", "GET / HTTP/1.1\r\nA: \r\n\r\n", "GET / HTTP/1.1\r\nA : b\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "GET / HTTP/1.1\r\nA: b\tc\r\n\r\n",
            "GET / HTTP/1.1\r\nA: \u{e9}\r\n\r\n",
            "GET / HTTP/1.1\r\nA: \0\r\n\r\n", "GET / HTTP/1.1\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", "GET / HTTP/1.1\r\nUPGRADE: h2c\r\n\r\n",
            "GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nProxy-Connection: keep-alive\r\n\r\n",
        ])
    func refused(text: String) {
        #expect(head(text) == nil)
    }

    @Test("More headers than the limit are left to the parser, too")
    func manyHeaders() {
        let text = "GET / HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n"
        #expect(head(text, maxHeaderCount: 2) != nil)
        #expect(head(text, maxHeaderCount: 1) == nil)
    }

    @Test("NIO's parser accepts every request that is accepted, with the same result")
    func sameAsParser() throws {
        var random = SeededRandom.fromEnvironment(test: "plain requests")
        var accepted = 0
        for _ in 0..<3_000 {
            var bytes = Array(Self.request(&random).utf8)
            if Int.random(in: 0..<3, using: &random) == 0 {
                let place = bytes.indices.randomElement(using: &random)!
                bytes[place] = UInt8.random(in: .min ... .max, using: &random)
            }
            guard let head = bytes.withUnsafeBytes({ PlainRequest.head($0, maxHeaderCount: 100) }) else { continue }
            accepted += 1
            let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder()))
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            guard case .head(let parsed)? = try channel.readInbound(as: HTTPServerRequestPart.self),
                case .end(nil)? = try channel.readInbound(as: HTTPServerRequestPart.self)
            else {
                Issue.record("the parser sees no whole request in \(String(decoding: bytes, as: UTF8.self))")
                continue
            }
            #expect(try channel.readInbound(as: HTTPServerRequestPart.self) == nil)
            #expect(parsed == head)
            #expect(parsed.isKeepAlive == head.isKeepAlive)
            #expect(parsed.headers.map(\.name) == head.headers.map(\.name))
            #expect(try channel.finish().isClean)
        }
        #expect(accepted > 300)
    }

    /// Mostly plain requests.
    private static func request(_ random: inout SeededRandom) -> String {
        func one(of usual: [String], or odd: [String]) -> String {
            (Int.random(in: 0..<25, using: &random) == 0 ? odd : usual).randomElement(using: &random)!
        }
        var text = one(of: ["GET "], or: ["HEAD ", "POST ", "GET  ", "\r\nGET ", "CONNECT "])
        text += one(
            of: ["/", "/a", "/a/b%20c?d=e&f=%2F", "/~x;y=1,2?q='(!)*'\"<>[]{}|\\^`"], or: ["*", "a", "//", "/#f", ""])
        text += one(of: [" HTTP/1.1\r\n"], or: [" HTTP/1.0\r\n", " HTTP/1.1\n", " HTTP/2.0\r\n", "  HTTP/1.1\r\n"])
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            text += one(
                of: [
                    "Host", "accept", "X-Some_Thing-9", "Last-Event-ID", "Connection", "Cookie",
                    "Upgrade-Insecure-Requests",
                ],
                or: ["Content-Length", "Transfer-Encoding", "Upgrade", "Expect", "A b", "", "Ä", "Connection", "Te"])
            text += one(of: [": "], or: [":", " : ", ":\t", ""])
            text += one(
                of: ["example.org", "text/event-stream, */*;q=0.1", "keep-alive", "a=b; c=\"d\"", "0"],
                or: ["", " x", "x ", "chunked", "close", "upgrade", "ü", "a\tb", "100-continue"])
            text += one(of: ["\r\n"], or: ["\n", "\r", "\r\n ", ""])
        }
        return text + one(of: ["\r\n"], or: ["", "\n", "\r\nGET", "\r\n\r\n"])
    }
}
