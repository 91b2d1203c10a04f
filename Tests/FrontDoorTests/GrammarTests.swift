import EventStream
import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

/// The rules of RFC 9110 and RFC 9112 for requests, as a table. Each row is sent in every way that a request can take:
/// whole, so that it is read on the doorstep if it is plain enough; to a server whose connections all use NIO's parser;
/// and there byte by byte.
@Suite("The grammar of HTTP/1.1", .timeLimit(.minutes(3)))
struct GrammarTests {
    /// A request and its outcome: "stream", with what the producer receives, if anything; or the status, and whether
    /// the connection continues.
    struct Row: Sendable {
        let request: String
        let outcome: String

        init(_ request: String, _ outcome: String) {
            self.request = request
            self.outcome = outcome
        }

        /// A GET of a stream, with these lines between its Host and its end.
        static func field(_ lines: String, _ outcome: String) -> Row {
            Row("GET /once HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n", outcome)
        }

        static func host(_ lines: String, _ outcome: String) -> Row {
            Row("GET /once HTTP/1.1\r\n\(lines)\r\n", outcome)
        }

        /// A POST with these lines and this body.
        static func body(_ lines: String, _ body: String, _ outcome: String) -> Row {
            Row("POST /body HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n\(body)", outcome)
        }

        static func line(_ line: String, _ outcome: String) -> Row {
            Row("\(line)\r\nHost: a\r\n\r\n", outcome)
        }
    }

    @Test("fields")
    func fields() async throws { try await check(Self.fields) }

    @Test("hosts")
    func hosts() async throws { try await check(Self.hosts) }

    @Test("bodies and their framing")
    func bodies() async throws { try await check(Self.bodies) }

    /// Data in the same read after a chunked body is parsed as a head like any other.
    @Test("heads after a chunked body")
    func followingHeads() async throws {
        let body =
            "POST /missing HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"
        for handsOver in [true, false] {
            try await withServer({ $0.allowsHandOver = handsOver }) { server in
                for row in Self.following {
                    let client = try server.connect()
                    try client.send(body + row.request)
                    try #expect(client.readResponse().status == 404)
                    let outcome = try outcome(client, server)
                    #expect(outcome == row.outcome, "\(row.request.debugDescription)")
                    await Task.yield()
                }
            }
        }
    }

    @Test("request lines")
    func lines() async throws { try await check(Self.lines) }

    private func check(_ rows: [Row]) async throws {
        for (road, handsOver, isWhole) in [("whole", true, true), ("channel", false, true), ("bytes", false, false)] {
            try await withServer({ $0.allowsHandOver = handsOver }) { server in
                for row in rows {
                    let client = try server.connect()
                    if isWhole {
                        try client.send(row.request)
                    } else {
                        // The server may answer and close the connection before the last byte.
                        for byte in Array(row.request.utf8) { guard (try? client.send([byte])) != nil else { break } }
                    }
                    let outcome = try outcome(client, server)
                    #expect(outcome == row.outcome, "\(road): \(row.request.debugDescription)")
                    await Task.yield()
                }
            }
        }
    }

    private func outcome(_ client: RawClient, _ server: RunningServer) throws -> String {
        var response = try client.readResponse()
        // The response after `100 Continue`, which has no body.
        let continued = response.status == 100 ? "100 " : ""
        if response.status == 100 { response = try client.readResponse() }
        guard response["Content-Type"] == "text/event-stream" else {
            guard response["Connection"] == "close" else { return "\(continued)\(response.status)" }
            let rest = try client.readToEnd()
            return "\(continued)\(response.status) closes\(rest.isEmpty ? "" : ", then \(rest)")"
        }
        guard let request = server.opener.opened.last?.request else { return "no stream was opened" }
        let body = request.body.isEmpty ? "" : " body=\(String(decoding: request.body, as: UTF8.self))"
        let id = request.lastEventID.map { " id=\($0)" } ?? ""
        let extra = request.headers.filter { $0.name.lowercased() == "x" }.map { " x=“\($0.value)”" }.joined()
        return "\(continued)stream\(id)\(extra)\(body)"
    }
}

extension GrammarTests {
    static let fields: [Row] = [
        .field("X: b", "stream x=“b”"),
        .field("X:b", "stream x=“b”"),
        .field("X: \t b \t ", "stream x=“b”"),
        .field("X:", "stream x=“”"),
        .field("X: \t", "stream x=“”"),
        .field("X: b\tc  d", "stream x=“b\tc  d”"),
        .field("X: é", "stream x=“é”"),
        .field("X: a\r\nx: b", "stream x=“a” x=“b”"),
        .field("X : b", "400 closes"),
        .field("X\t: b", "400 closes"),
        .field(" X: b", "400 closes"),
        .field(": b", "400 closes"),
        .field("X", "400 closes"),
        .field("X(: b", "400 closes"),
        .field("É: b", "400 closes"),
        .field("X: a\r\n b", "400 closes"),
        .field("X: a\r\n\tb", "400 closes"),
        .field("X:\r\n b", "400 closes"),
        .field("X: a\rb", "400 closes"),
        .field("X: a\r\rb: c", "400 closes"),
        .field("X: a\nY: b", "400 closes"),
        .field("X: a\0b", "400 closes"),
        .field("X: a\u{1}b", "400 closes"),
        .field("X: a\u{7f}", "400 closes"),
        .field("Last-Event-ID: 7 ", "stream id=7"),
        .field("Last-Event-ID: \t7", "stream id=7"),
        .field("Last-Event-ID: ", "stream"),
        .field("Last-Event-ID: sluice-end ", "204"),
        .field("Last-Event-ID: 7\r\nLast-Event-ID: 8", "stream id=7"),
        .field("Last-Event-ID:\r\nLast-Event-ID: 8", "stream id=8"),
        .field("Accept: text/html\r\nAccept: text/event-stream;q=0.1 ", "stream"),
        .field("Accept: text/html, */*;q=0\r\nAccept: application/json", "406"),
        .field("Accept: text/event-stream;q=0, */*", "406"),
        .field("Accept: text/event-stream ; q=0.0 ,*/*", "406"),
        .field("Accept: ", "stream"),
        .field("Expect: 100-continue", "stream"),
        .field("Expect: 100-Continue ", "stream"),
        .field("Expect: ", "stream"),
        .field("Expect: tea", "417 closes"),
        .field("Expect: 100-continue, tea", "417 closes"),
        .field("Expect: 100-continue\r\nExpect: tea", "417 closes"),
        Row("GET /once HTTP/1.0\r\nExpect: tea\r\n\r\n", "stream"),
        Row("GET /missing HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", "404 closes"),
        Row("GET /missing HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive\r\n\r\n", "404 closes"),
        Row("GET /missing HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: Close \r\n\r\n", "404 closes"),
        Row("GET /missing HTTP/1.1\r\nHost: a\r\nConnection: x, keep-alive\r\n\r\n", "404"),
        Row("GET /missing HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "404 closes"),
        Row("GET /missing HTTP/1.0\r\nConnection: keep-alive \r\n\r\n", "404"),
    ]

    static let hosts: [Row] = [
        .host("Host: a\r\n", "stream"),
        .host("Host: example.org:8080 \r\n", "stream"),
        .host("Host: [::1]:80\r\n", "stream"),
        .host("Host: \r\n", "stream"),
        .host("hOST: a\r\n", "stream"),
        .host("", "400 closes"),
        .host("Host: a\r\nHost: a\r\n", "400 closes"),
        .host("Host: a, b\r\n", "400 closes"),
        .host("Host: a b\r\n", "400 closes"),
        .host("Host: user@a\r\n", "400 closes"),
        .host("Host: a/b\r\n", "400 closes"),
        .host("Host: a:b\r\n", "400 closes"),
        .host("Host: [::1\r\n", "400 closes"),
        .host("Host: é\r\n", "400 closes"),
        .host("Host : a\r\n", "400 closes"),
        Row("GET /once HTTP/1.0\r\n\r\n", "stream"),
        Row("GET /once HTTP/1.0\r\nHost: a b\r\n\r\n", "400 closes"),
        Row("GET http://b/once HTTP/1.1\r\n\r\n", "400 closes"),
    ]

    static let bodies: [Row] = [
        .body("Content-Length: 3", "abc", "stream body=abc"),
        .body("Content-Length: 3 ", "abc", "stream body=abc"),
        .body("Content-Length:\t3", "abc", "stream body=abc"),
        .body("Content-Length: 3\t", "abc", "stream body=abc"),
        .body("content-LENGTH: \t 3 \t ", "abc", "stream body=abc"),
        .body("X: a\t\r\nContent-Length: 3\t\t\r\nY: a\tb", "abc", "stream x=“a” body=abc"),
        .body("Content-Length: 003", "abc", "stream body=abc"),
        .body("Content-Length: 3\r\nAccept: application/json", "abc", "stream body=abc"),
        .body("Content-Length: 0", "", "stream"),
        .body("X: no body", "", "stream x=“no body”"),
        .body("Content-Length: ", "", "400 closes"),
        .body("Content-Length: +3", "abc", "400 closes"),
        .body("Content-Length: -1", "abc", "400 closes"),
        .body("Content-Length: 0x3", "abc", "400 closes"),
        .body("Content-Length: 3 3", "abc", "400 closes"),
        .body("Content-Length: 3\t3", "abc", "400 closes"),
        .body("Content-Length: 3,", "abc", "400 closes"),
        .body("Content-Length\t: 3", "abc", "400 closes"),
        .body("Content-Length: 3, 3", "abc", "400 closes"),
        .body("Content-Length: 3\r\nContent-Length: 3", "abc", "400 closes"),
        .body("Content-Length: 3\r\nContent-Length: 4", "abcd", "400 closes"),
        .body("Content-Length: 18446744073709551619", "abc", "400 closes"),
        .body("Content-Length: 9223372036854775807", "abc", "413 closes"),
        .body("Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked\r\nContent-Length: 3", "0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n", "stream body=abc"),
        .body("Transfer-Encoding: Chunked ", "3\r\nabc\r\n0\r\n\r\n", "stream body=abc"),
        .body("Transfer-Encoding: ,chunked", "3\r\nabc\r\n0\r\n\r\n", "stream body=abc"),
        .body("Transfer-Encoding: chunked,", "3\r\nabc\r\n0\r\n\r\n", "stream body=abc"),
        .body("transfer-encoding: , ,\tChunked , ,\t,", "3\r\nabc\r\n0\r\n\r\n", "stream body=abc"),
        .body("Transfer-Encoding: chunked\t", "3\r\nabc\r\n0\r\n\r\n", "stream body=abc"),
        .body("Transfer-Encoding:\tchunked \t", "3\r\nabc\r\n0\r\n\r\n", "stream body=abc"),
        .body("Transfer-Encoding: gzip,\tchunked,", "3\r\nabc\r\n0\r\n\r\n", "501 closes"),
        .body("Transfer-Encoding: chunked,chunked", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked,gzip", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked\tgzip", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chun\tked", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: xchunked,", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: ,", "abc", "400 closes"),
        .body("Transfer-Encoding: gzip, chunked", "3\r\nabc\r\n0\r\n\r\n", "501 closes"),
        .body("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n", "501 closes"),
        .body("Transfer-Encoding: identity, chunked", "3\r\nabc\r\n0\r\n\r\n", "501 closes"),
        .body("Transfer-Encoding: chunked, chunked", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked, gzip", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked;q=1", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: xchunked", "3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: gzip", "abc", "400 closes"),
        .body("Transfer-Encoding: ", "abc", "400 closes"),
        .body("Transfer-Encoding: \u{b}chunked", "0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding : chunked", "0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked", "3;a=b;c=\"d\"\r\nabc\r\n0\r\n\r\n", "stream body=abc"),
        .body("Transfer-Encoding: chunked", "0003\r\nabc\r\n0\r\nX: trailer\r\n\r\n", "stream body=abc"),
        // The parser does not accept blanks before an extension.
        .body("Transfer-Encoding: chunked", "3 ; a = b\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked", "0\r\nContent-Length: 5\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked", "3 \r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked", "-3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked", "0x3\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked", "3\nabc\n0\n\n", "400 closes"),
        .body("Transfer-Encoding: chunked", "3\r\nabcd\r\n0\r\n\r\n", "400 closes"),
        .body("Transfer-Encoding: chunked", "10000000000000003\r\nabc\r\n0\r\n\r\n", "400 closes"),
        .body("Content-Length: 3\r\nExpect: 100-continue", "abc", "100 stream body=abc"),
        .body("Content-Length: 3\r\nExpect: 100-CONTINUE ", "abc", "100 stream body=abc"),
        .body("Content-Length: 3\r\nExpect: tea", "abc", "417 closes"),
        .body("Content-Length: 0\r\nExpect: 100-continue", "", "stream"),
        Row("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", "404 closes"),
        Row("POST /body HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 closes"),
        Row("POST /body HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "stream body=abc"),
        // A GET's body is read and ignored.
        Row("GET /once HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "stream"),
        Row("GET /once HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501 closes"),
    ]

    static let following: [Row] = [
        .line("GET /once HTTP/1.1", "stream"),
        .line("GET /once HTTP/1.2", "stream"),
        .line("GET /once HTTP/2.0", "505 closes"),
        .line("GET /once HTTP/1.1x", "400 closes"),
        .line("BREW /once HTTP/1.1", "501 closes"),
        .line("BREW /once", "400 closes"),
        .body("Content-Length: 3\t", "abc", "stream body=abc"),
        .body("Transfer-Encoding: chunked,", "3\r\nabc\r\n0\r\n\r\n", "stream body=abc"),
    ]

    static let lines: [Row] = [
        .line("GET /once HTTP/1.1", "stream"),
        .line("\r\nGET /once HTTP/1.1", "stream"),
        .line("GET http://a/once HTTP/1.1", "stream"),
        .line("GET HTTP://b:80/once HTTP/1.1", "stream"),
        .line("GET https://[::1]/once?x=y HTTP/1.1", "stream"),
        .line("GET http://a HTTP/1.1", "404"),
        .line("GET http://a?b HTTP/1.1", "404"),
        .line("GET http:///once HTTP/1.1", "400"),
        .line("GET http://u@a/once HTTP/1.1", "400"),
        .line("GET ftp://a/once HTTP/1.1", "400"),
        .line("GET once HTTP/1.1", "400 closes"),
        .line("GET * HTTP/1.1", "400"),
        .line("OPTIONS * HTTP/1.1", "204"),
        .line("OPTIONS /once HTTP/1.1", "204"),
        .line("GET /%6Fnce HTTP/1.1", "404"),
        .line("GET /once/%2e HTTP/1.1", "400"),
        .line("GET /x/../once HTTP/1.1", "400"),
        .line("GET /x/%2E%2e/once HTTP/1.1", "400"),
        .line("GET /once/%zz HTTP/1.1", "400"),
        .line("GET /once/%00 HTTP/1.1", "400"),
        // Well-formed, but no route, as for the runtime.
        .line("GET //once HTTP/1.1", "404"),
        .line("GET /once#f HTTP/1.1", "400"),
        .line("GET /\u{e9} HTTP/1.1", "400 closes"),
        .line("GET /a\tb HTTP/1.1", "400 closes"),
        .line("GET /once\0 HTTP/1.1", "400 closes"),
        .line("GET /once  HTTP/1.1", "stream"),
        .line("GET  /once HTTP/1.1", "stream"),
        .line(" GET /once HTTP/1.1", "400 closes"),
        .line("GET\t/once HTTP/1.1", "400 closes"),
        .line("GET /once HTTP/1.1 ", "400 closes"),
        .line("GET /on ce HTTP/1.1", "400 closes"),
        .line("GET /once http/1.1", "400 closes"),
        .line("GET /once HTTP/1", "400 closes"),
        .line("GET /once HTTP/11", "400 closes"),
        .line("GET /once HTTP/1.1x", "400 closes"),
        .line("GET /once FTP/1.1", "400 closes"),
        .line("GET /once HTTP/1.2", "stream"),
        .line("GET /missing HTTP/1.9", "404"),
        .line("BREW /once HTTP/1.2", "501 closes"),
        .line("GET /once HTTP/1.10", "400 closes"),
        .line("GET /once HTTP/1.", "400 closes"),
        .line("GET /once HTTP/x.1", "400 closes"),
        .line("GET /once HTTP/3.0", "505 closes"),
        .line("GET /once HTTP/2.0", "505 closes"),
        .line("GET /once HTTP/0.9", "505 closes"),
        Row("GET /once\r\n\r\n", "505 closes"),
        Row("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 closes"),
        Row("GET /once HTTP/1.1\nHost: a\n\n", "400 closes"),
        Row("GET /once HTTP/1.1\rHost: a\r\r", "400 closes"),
        .line("POST /once HTTP/1.1", "405"),
        .line("TRACE /once HTTP/1.1", "405"),
        .line("PROPFIND /once HTTP/1.1", "405"),
        .line("CONNECT a:80 HTTP/1.1", "501 closes"),
        .line("BREW /once HTTP/1.1", "501 closes"),
        .line("BREW /missing HTTP/1.1", "501 closes"),
        .line("get /once HTTP/1.1", "501 closes"),
        .line("Get /once HTTP/1.1", "501 closes"),
        .line("GETS /once HTTP/1.1", "501 closes"),
        .line("G(T /once HTTP/1.1", "400 closes"),
        .line("BREW /once", "400 closes"),
        .line("BREW HTTP/1.1", "400 closes"),
        .line("BREW /once HTTP/2.0", "505 closes"),
        .line("\u{16}\u{3}\u{1}", "400 closes"),
    ]
}
