import ProducerInterface
import StreamRuntime
import TestSupport
import Testing

@testable import FrontDoor

@Suite("Responses that are not streams", .timeLimit(.minutes(3)))
struct ErrorResponseTests {
    @Test("404, byte for byte")
    func notFound() async throws {
        try await withServer { server in
            let response = try server.answer(to: get("/missing?a=b"))
            let date = try #require(response["Date"])
            let body =
                #"{"type":"about:blank","title":"Not Found","status":404,"detail":"No producer has a route for /missing."}"#
            #expect(
                response.head == """
                    HTTP/1.1 404 Not Found\r
                    Content-Type: application/problem+json\r
                    Content-Length: \(body.utf8.count)\r
                    Cache-Control: no-store\r
                    X-Content-Type-Options: nosniff\r
                    Date: \(date)\r
                    \r

                    """)
            #expect(response.body == body)
        }
    }

    @Test("A page of the server answers GET and HEAD; other paths and methods do not")
    func page() async throws {
        try await withServer(pages: PageTable([Page(path: "/") { Array("<p>page".utf8) }])) { server in
            let page = try server.answer(to: get("/"))
            #expect(page.status == 200 && page.body == "<p>page")
            #expect(page.head.contains("Content-Type: text/html; charset=utf-8\r\n"))
            #expect(try server.answer(to: "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n", isHead: true).status == 200)
            #expect(try server.answer(to: get("/page")).status == 404)
            #expect(try server.answer(to: "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n").status == 404)
        }
        try await withServer(pages: PageTable([Page(path: "/") { nil }])) { server in
            let root = try server.answer(to: get("/"))
            #expect(root.status == 404)
        }
    }

    @Test("Each row of the table of pages has its path and its type; a producer's route takes precedence")
    func pageTable() async throws {
        let pages = PageTable([
            Page(path: "/a", type: "text/plain") { Array("a".utf8) }, Page(path: "/b/c") { Array("c".utf8) },
            Page(path: "/ended") { Array("hidden".utf8) },
        ])
        try await withServer(pages: pages) { server in
            let plain = try server.answer(to: get("/a?x=1"))
            #expect(plain.status == 200 && plain.body == "a" && plain["Content-Type"] == "text/plain")
            let html = try server.answer(to: get("/b/c"))
            #expect(html.body == "c" && html["Content-Type"] == "text/html; charset=utf-8")
            #expect(try server.answer(to: get("/b")).status == 404)
            #expect(try server.answer(to: get("/ended")).status == 204)
        }
    }

    @Test("The root answers 404, like any path without a route")
    func root() async throws {
        try await withServer { server in
            let root = try server.answer(to: get("/"))
            #expect(root.status == 404)
            #expect(root.body.contains("printed its routes"))
            try #expect(server.answer(to: get("http://example.test")).status == 404)
        }
    }

    @Test("HEAD returns the head of GET without the body, and the connection continues")
    func headOnly() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send("HEAD /missing HTTP/1.1\r\nHost: test\r\n\r\n" + get("/missing"))
            let head = try client.readResponse(toHead: true)
            let whole = try client.readResponse()
            #expect(head.status == 404)
            #expect(head.head == whole.head)
        }
    }

    @Test(
        "Methods that a route does not support get 405 with the ones that it does",
        arguments: [
            ("POST", "/once", "GET, HEAD, OPTIONS"), ("DELETE", "/once", "GET, HEAD, OPTIONS"),
            ("PUT", "/body", "GET, HEAD, POST, OPTIONS"), ("PATCH", "/once", "GET, HEAD, OPTIONS"),
        ])
    func methods(method: String, path: String, allowed: String) async throws {
        try await withServer { server in
            let response = try server.answer(to: "\(method) \(path) HTTP/1.1\r\nHost: test\r\n\r\n")
            #expect(response.status == 405)
            #expect(response["Allow"] == allowed)
            #expect(server.opener.opened.isEmpty)
        }
    }

    @Test("OPTIONS answers 204 with the methods")
    func options() async throws {
        try await withServer { server in
            let client = try server.connect()
            for (target, allowed) in [
                ("/once", "GET, HEAD, OPTIONS"), ("/body", "GET, HEAD, POST, OPTIONS"),
                ("*", "GET, HEAD, POST, OPTIONS"),
            ] {
                try client.send("OPTIONS \(target) HTTP/1.1\r\nHost: test\r\n\r\n")
                let response = try client.readResponse()
                #expect(response.status == 204)
                #expect(response["Allow"] == allowed)
            }
        }
    }

    @Test("406 when Accept excludes event streams")
    func notAcceptable() async throws {
        try await withServer { server in
            try #expect(server.answer(to: get("/once", "Accept: application/json")).status == 406)
            let excluded = get("/once", "Accept: text/event-stream;q=0", "Accept: */*")
            try #expect(server.answer(to: excluded).status == 406)
            #expect(server.opener.opened.isEmpty)
        }
    }

    @Test("A parameter fault names the parameter, the value and the expectation, whatever they contain")
    func parameterFault() async throws {
        try await withServer { server in
            let wrong = try server.answer(to: get("/number?n=%22%3Cx%3E%0a"))
            #expect(wrong.status == 400)
            #expect(
                wrong.body.hasSuffix(
                    #""parameter":"n","value":"\"\u003cx>\n","expected":"a whole number"}"#))
            #expect(wrong.body.contains("The parameter “n” is not valid: expected a whole number."))
            let missing = try server.answer(to: get("/number"))
            #expect(missing.body.contains("The parameter “n” is missing: expected a whole number."))
            #expect(missing.body.hasSuffix(#""parameter":"n","value":null,"expected":"a whole number"}"#))
            #expect(server.opener.opened.isEmpty)
        }
    }

    @Test(
        "A malformed request gets 400, and the connection is closed",
        arguments: [
            "GET /once HTTP/1.1\r\n\r\n",
            "GET /once HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET /once HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nab",
            "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nab",
            "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nab",
            "POST /body HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "GET /once HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET /once HTTP/1.1\r\nHost: a\r\nX\u{1}: b\r\n\r\n",
            "GET /once HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n",
            "GET /once HTTP/1.1\r\nHost: a\r\nX: b\r\n  folded\r\n\r\n",
            "GET  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /on ce HTTP/1.1\r\nHost: a\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET /once FTP/1.1\r\nHost: a\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}",
            "hello\r\n\r\n",
        ])
    func malformed(request: String) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(request)
            let response = try client.readResponse()
            #expect(response.status == 400)
            #expect(response["Content-Type"] == "application/problem+json")
            #expect(response["Connection"] == "close")
            try #expect(client.readToEnd() == "")
            #expect(server.opener.opened.isEmpty)
        }
    }

    @Test(
        "Invalid targets get 400, and the connection continues",
        arguments: [
            "/once/%", "/once/%4", "/once/%zz", "/once?a=%4", "/once?%ff=1", "/once/%c3", "/once/../once", "/./once",
            "/once/%2e%2E", "/once/%00", "/once?a=%f0%28%8c%28", "once", "/once#f",
        ])
    func targets(target: String) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(get(target))
            let response = try client.readResponse()
            #expect(response.status == 400)
            #expect(server.opener.opened.isEmpty)
            if response["Connection"] == nil {
                try client.send(get("/missing"))
                try #expect(client.readResponse().status == 404)
            }
        }
    }

    @Test("Another major version gets 505", arguments: ["GET /once HTTP/2.0\r\n\r\n", "GET /once\r\n\r\n"])
    func version(request: String) async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send(request)
            try #expect(client.readResponse().status == 505)
        }
    }

    @Test("HTTP/1.0 closes unless the client asks to keep alive; 1.1 keeps alive unless it asks to close")
    func persistence() async throws {
        try await withServer { server in
            for (request, connection) in [
                ("GET /missing HTTP/1.0\r\n\r\n", "close"),
                ("GET /missing HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive"),
                (get("/missing"), nil),
                (get("/missing", "Connection: Close"), "close"),
                (get("/missing", "Connection: upgrade", "Upgrade: h2c"), "close"),
            ] {
                let client = try server.connect()
                try client.send(request)
                let response = try client.readResponse()
                #expect(response.status == 404)
                #expect(response["Connection"] == connection)
                if connection == "close" {
                    try #expect(client.readToEnd() == "")
                } else {
                    try client.send(request)
                    try #expect(client.readResponse().status == 404)
                }
            }
        }
    }

    @Test("An unwanted body is read and dropped, and the connection continues")
    func unwantedBody() async throws {
        try await withServer {
            $0.maxBodyBytes = 100
        } _: { server in
            let client = try server.connect()
            let body = String(repeating: "GET / ", count: 16)
            for request in [
                "POST /once HTTP/1.1\r\nHost: a\r\nContent-Length: 96\r\n\r\n\(body)",
                "POST /once HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n60\r\n\(body)\r\n0\r\n\r\n",
            ] {
                try client.send(request)
                try #expect(client.readResponse().status == 405)
            }
            try client.send("GET /once HTTP/1.1\r\nHost: a\r\nContent-Length: 96\r\n\r\n\(body)")
            try #expect(client.readToEnd().hasSuffix("data: hi\n\n"))
        }
    }

    @Test("A body over the limit gets 413, immediately if its announced length is too large")
    func largeBody() async throws {
        try await withServer {
            $0.maxBodyBytes = 100
        } _: { server in
            for length in ["101", "9223372036854775808"] {
                let response = try server.answer(
                    to: "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n")
                #expect(response.status == 413)
                #expect(response["Connection"] == "close")
            }
            let client = try server.connect()
            try client.send("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "20\r\n" + String(repeating: "x", count: 32) + "\r\n"
            try client.send(chunk + chunk + chunk + chunk)
            let response = try client.readResponse()
            #expect(response.status == 413)
            #expect(server.opener.opened.isEmpty)
        }
    }

    @Test("Expect: 100-continue is answered with the error if the request fails anyway")
    func expectation() async throws {
        try await withServer { server in
            let client = try server.connect()
            try client.send("POST /body HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            try #expect(client.read(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try client.send("ok")
            try #expect(client.readToEnd().hasSuffix("data: hi\n\n"))
            let body = try await server.opened().request.body
            #expect(body == Array("ok".utf8))

            let refused = try server.connect()
            try refused.send("POST /once HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            let response = try refused.readResponse()
            #expect(response.status == 405)
            #expect(response["Connection"] == "close")
        }
    }
}
