import EventStream
import Glibc
import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Stream responses", .timeLimit(.minutes(3)))
struct StreamResponseTests {
    @Test("A stream's response has exactly this head, and ends with its connection", arguments: ["1.0", "1.1"])
    func head(version: String) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send("GET /once HTTP/\(version)\r\nHost: test\r\n\r\n")
            let response = try client.readToEnd()
            let date = try #require(response.firstMatch(of: /Date: ([^\r]+)\r\n/)?.1)
            #expect(
                response == """
                    HTTP/1.1 200 OK\r
                    Content-Type: text/event-stream\r
                    Cache-Control: no-store, no-transform\r
                    X-Accel-Buffering: no\r
                    X-Content-Type-Options: nosniff\r
                    Date: \(date)\r
                    \(version == "1.1" ? "Transfer-Encoding: chunked\r\n" : "")Connection: close\r
                    \r
                    data: hi


                    """)
            let form = try await server.opener.form(of: server.opened().token)
            #expect(form == (version == "1.1" ? [.chunked, .reconnects] : .reconnects))
            #expect(date.wholeMatch(of: /[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/) != nil)
        }
    }

    @Test("A POST's client is not expected to reconnect")
    func post() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send("POST /body HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi")
            _ = try client.readToEnd()
            try await #expect(server.opener.form(of: server.opened().token) == .chunked)
        }
    }

    @Test(
        "A peer that ends its sending side after its request is answered: 404, or the stream",
        arguments: [true, false])
    func halfClosing(isWhole: Bool) async throws {
        try await withServer { server in
            for (target, answer) in [("/once", "200 OK"), ("/missing", "404 Not Found"), ("/ended", "204 No Content")] {
                let client = try server.connect()
                let request = get(target)
                // In two pieces, it leaves the doorstep.
                if !isWhole {
                    try client.send(String(request.prefix(7)))
                    #expect(await eventually { server.server.connectionCount > 0 })
                }
                try client.send(isWhole ? request : String(request.dropFirst(7)))
                client.halfClose()
                try #expect(client.readToEnd().hasPrefix("HTTP/1.1 \(answer)\r\n"))
            }
            let body = try server.connect()
            try body.send("POST /body HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello")
            body.halfClose()
            try #expect(body.readToEnd().hasSuffix("data: hi\n\n"))
        }
    }

    @Test("HEAD returns that head and opens nothing, but checks the parameters")
    func headRequest() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send("HEAD /once HTTP/1.1\r\nHost: test\r\n\r\n")
            let head = try client.readToEnd()
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"))
            #expect(head.hasSuffix("Connection: close\r\n\r\n"))
            let refused = try server.answer(to: "HEAD /number?n=x HTTP/1.1\r\nHost: test\r\n\r\n", isHead: true)
            #expect(refused.status == 400)
            #expect(server.opener.opened.isEmpty)
        }
    }

    @Test("The request reaches the runtime decoded")
    func request() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(
                "POST /body/caf%C3%A9?a=1+2&b=%2B%26&a=&c HTTP/1.1\r\nHost: test\r\nX-Mixed: Yes\r\nLast-Event-ID: 17\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            try #expect(client.readToEnd().hasSuffix("\r\n\r\ndata: hi\n\n"))
            let request = try await server.opened().request
            #expect(request.method == "POST")
            #expect(request.path == "/body/caf%C3%A9")
            #expect(request.query == [.init("a", "1 2"), .init("b", "+&"), .init("a", ""), .init("c", "")])
            #expect(request.headers.contains(.init("X-Mixed", "Yes")))
            #expect(request.lastEventID == "17")
            #expect(request.remoteAddress == "127.0.0.1")
            #expect(request.body == Array("abcde".utf8))
        }
    }

    @Test(
        "The last event id comes from the header, or else from the query",
        arguments: [
            (get("/once?last_event_id=q", "Last-Event-ID: h"), "h"),
            (get("/once?last_event_id=a%20b"), "a b"),
            (get("/once?lastEventId=z"), "z"),
            (get("/once?lastEventId=z&last_event_id=y"), "y"),
            (get("/once", "Last-Event-ID:"), nil),
            (get("/once?last_event_id=&lastEventId=z", "Last-Event-ID: "), "z"),
            (get("/once"), nil),
        ])
    func lastEventID(request: String, expected: String?) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(request)
            _ = try client.readToEnd()
            try await #expect(server.opened().request.lastEventID == expected)
        }
    }

    @Test("A subscriber that has seen the end gets 204, and nothing is opened")
    func finished() async throws {
        try await withServer { server in
            for request in [
                get("/once", "Last-Event-ID: \(EventID.finished)"), get("/once?last_event_id=\(EventID.finished)"),
            ] {
                let response = try server.answer(to: request)
                #expect(response.status == 204)
                #expect(response["Content-Length"] == nil)
            }
            #expect(server.opener.opened.isEmpty)
        }
    }

    @Test("A producer's headers are added, except those that it must not set")
    func producerHeaders() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(get("/headers"))
            let response = try client.readToEnd()
            #expect(response.contains("\r\nConnection: close\r\nX-Extra: 1\r\n\r\ndata: hi"))
            #expect(!response.contains("Content-Length") && !response.contains("X-Bad"))
        }
    }

    @Test(
        "They are kept on 204 and on a rejection, whatever its status, and the response is framed as usual",
        arguments: [
            ("/ended?headers", 204), ("/rejected/401?headers", 401), ("/rejected/429?headers", 429),
            ("/rejected/503?headers", 503), ("/rejected/200?headers", 500),
        ])
    func refusalHeaders(target: String, status: Int) async throws {
        for handsOver in [true, false] {
            try await withServer({ $0.allowsHandOver = handsOver }) { server in
                let client = try server.connect()
                try client.send(get(target))
                let response = try client.readResponse()
                #expect(response.status == status)
                let usual =
                    ["Cache-Control", "X-Content-Type-Options", "Date"]
                    + (status == 204 ? [] : ["Content-Type", "Content-Length"])
                let added = response.headerLines.filter { line in !usual.contains { line.hasPrefix($0 + ": ") } }
                #expect(added == ["Retry-After: 7", "WWW-Authenticate: Basic", "WWW-Authenticate: Bearer"])
                #expect(response.headerLines.count == usual.count + added.count)
                #expect(response["Content-Type"] == (status == 204 ? nil : "application/problem+json"))
                try client.send(get("/missing"))
                try #expect(client.readResponse().status == 404)
            }
        }
    }

    @Test("A rejection by open becomes a status, and the connection continues")
    func refusals() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(get("/ended"))
            let ended = try client.readResponse()
            #expect(ended.status == 204)

            try client.send(get("/rejected/402"))
            let rejected = try client.readResponse()
            #expect(rejected.status == 402)
            #expect(
                rejected.body
                    == #"{"type":"about:blank","title":"Payment Required","status":402,"detail":"No “thanks”.\n"}"#)

            try client.send(get("/failed"))
            let failed = try client.readResponse()
            #expect(failed.status == 500)
            #expect(failed.body.contains(#""code":"e7""#))

            try client.send(get("/rejected/200"))
            try #expect(client.readResponse().status == 500)
        }
    }

    @Test(
        "A refused EventSource is told when to reconnect, and all others get 503",
        arguments: ["/full", "/unavailable", "/leaving"])
    func shedding(path: String) async throws {
        try await withServer {
            $0.retryAfter = .milliseconds(5000)...(.milliseconds(6000))
        } _: { server in
            let browser = try server.connect()
            try browser.send(get(path, "Accept: text/event-stream"))
            let empty = try browser.readToEnd()
            #expect(empty.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"))
            #expect(empty.contains(/\r\n\r\nretry: [56]\d\d\d\n$/))

            let other = try server.connect()
            try other.send(get(path, "Accept: */*"))
            let response = try other.readResponse()
            #expect(response.status == 503)
            #expect(["5", "6"].contains(response["Retry-After"]))
            try #expect(other.readToEnd() == "")
            #expect(server.server.turnedAway.values.reduce(0, +) == 2)
        }
    }

    @Test("A refused POST never gets an empty stream, because no EventSource sends a POST")
    func sheddingPosts() async throws {
        try await withServer { server in
            let request = "POST /leaving HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nContent-Length: 3\r\n"
            try #expect(server.answer(to: request + "\r\nabc").status == 503)
            // The body would be ignored.
            try #expect(server.answer(to: request + "Expect: 100-continue\r\n\r\n").status == 503)
            #expect(server.server.turnedAway.values.reduce(0, +) == 2)
        }
    }

    @Test(
        "If a producer is being retired, a client that has seen the end is told so, and routes still answer")
    func leaving() async throws {
        try await withServer { server in
            try #expect(server.answer(to: get("/leaving", "Last-Event-ID: sluice-end")).status == 204)
            try #expect(server.answer(to: "OPTIONS /leaving HTTP/1.1\r\nHost: a\r\n\r\n").status == 204)
            let head = "HEAD /leaving HTTP/1.1\r\nHost: a\r\n\r\n"
            try #expect(server.answer(to: head, isHead: true).status == 503)
            try #expect(server.answer(to: get("/leaving?n=wrong", "Accept: image/png")).status == 503)
            #expect(server.opener.opened.isEmpty)
        }
    }

    @Test("Ten requests and one for a stream can arrive together: ten answers, in order, then the stream")
    func pipelining() async throws {
        try await withServer { server in
            let client = try server.connect()
            let requests = (0..<10).map { get("/missing/\($0)") }.joined() + get("/once") + get("/never")
            try client.send(requests)
            for index in 0..<10 {
                let response = try client.readResponse()
                #expect(response.status == 404)
                #expect(response.body.contains("/missing/\(index)."))
                #expect(response["Connection"] == nil)
            }
            let rest = try client.readToEnd()
            #expect(rest.hasPrefix("HTTP/1.1 200 OK"))
            #expect(rest.hasSuffix("data: hi\n\n"))
        }
    }

    @Test("Data after a request for a stream is dropped; if the stream is rejected, the connection ends")
    func droppedInput() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(get("/ended") + get("/missing"))
            let response = try client.readResponse()
            #expect(response.status == 204)
            #expect(response["Connection"] == "close")
            try #expect(client.readToEnd() == "")
        }
    }

    @Test("After a late rejection, the connection continues with the next request")
    func lateRefusal() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(get("/slow"))
            try await server.opened().door.answer(.rejected(status: 409, message: "later"))
            try #expect(client.readResponse().status == 409)
            try client.send(get("/missing"))
            try #expect(client.readResponse().status == 404)
        }
    }
}
