import SystemCalls
import TestSupport
import Testing

@testable import FrontDoor

/// What a client gets that has reached a limit of its own.
@Suite("Answers to a client at its limit", .timeLimit(.minutes(3)))
struct ClientLimitTests {
    @Test(
        "429 that says when to try again; an EventSource is told in its own language, with a random time",
        arguments: [("/greedy", "7", "has as many streams as it may have"), ("/hasty", "2", "faster than it may")])
    func answers(path: String, wait: String, detail: String) async throws {
        try await withServer {
            $0.retryAfter = .milliseconds(6500)...(.milliseconds(6900))
        } _: { server in
            let client = try server.connect()
            try client.send(get(path, "Accept: */*"))
            let response = try client.readResponse()
            #expect(response.status == 429 && response["Retry-After"] == wait)
            #expect(response["Content-Type"] == "application/problem+json")
            #expect(response.body.contains(#""title":"Too Many Requests","status":429"#))
            #expect(response.body.contains("\(detail). Try again in \(wait) s."))
            try #expect(client.readToEnd() == "")

            let browser = try server.connect()
            try browser.send(get(path, "Accept: text/event-stream"))
            let empty = try browser.readToEnd()
            #expect(empty.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"))
            #expect(empty.contains(/\r\n\r\nretry: 6[5-9]\d\d\n$/))
            #expect(!empty.contains("Retry-After"))
        }
    }

    @Test("a POST is no EventSource, and gets 429, whatever it accepts")
    func post() async throws {
        try await withServer { server in
            let request =
                "POST /greedy HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nContent-Length: 3\r\n\r\nabc"
            try #expect(server.answer(to: request).status == 429)
        }
    }

    @Test("an allowed page may read it")
    func crossOrigin() async throws {
        try await withServer {
            $0.listeners[0].crossOrigin.origins = ["https://app.example"]
        } _: { server in
            for headers in [["Accept: */*"], ["Accept: text/event-stream"]] {
                let lines = (headers + ["Origin: https://app.example"]).map { $0 + "\r\n" }.joined()
                let answer = try server.answer(to: "GET /greedy HTTP/1.1\r\nHost: test\r\n\(lines)\r\n", isHead: true)
                #expect(answer["Access-Control-Allow-Origin"] == "https://app.example")
            }
        }
    }

    @Test("it is counted by the limit's name, and a burst is one line in the log, with the client that a proxy names")
    func noted() async throws {
        let log = CapturedLog()
        try await withServer(
            {
                $0.threads = 1
                $0.proxies.ranges = [IPRange("127.0.0.1")].compactMap(\.self)
                $0.accessLog = .none
            }, logger: log.logger
        ) { server in
            let begin = ContinuousClock.now
            for _ in 0..<5 {
                try #expect(server.answer(to: get("/greedy", "X-Forwarded-For: 192.0.2.1")).status == 429)
            }
            let isOneBurst = .now - begin < .seconds(1)
            try #expect(server.answer(to: get("/hasty")).status == 429)
            #expect(server.server.turnedAway == ["max-streams-per-address": 5, "max-opens-per-identity": 1])
            let lines = zip(log.lines, log.details).filter { $0.0 == "warning: a subscriber was refused" }.map(\.1)
            #expect(lines.first == ["reason": "max-streams-per-address", "address": "192.0.2.1"])
            if isOneBurst { #expect(lines.count <= 2) }
        }
    }
}
