import TestSupport
import Testing

@testable import FrontDoor

@Suite("The host that a request is for", .timeLimit(.minutes(3)))
struct HostNamesTests {
    @Test(
        "on a loopback address: the loopback names, and those that are listed",
        arguments: [
            ("localhost", true), ("localhost:8080", true), ("LOCALHOST:1", true), ("app.localhost", true),
            ("localhost.", true), ("127.0.0.1:8080", true), ("127.1.2.3", true), ("[::1]:8080", true), ("[::1]", true),
            ("events.example.com", true), ("Events.Example.com:443", true), ("events.example.com.", true),
            ("evil.example", false), ("localhost.evil.example", false), ("evillocalhost", false),
            ("127.0.0.1.evil.example", false), ("x.events.example.com", false), ("[::2]", false), ("192.0.2.1", false),
            ("0.0.0.0:8080", false), ("", false), (":8080", false), (".", false), ("127.1", false),
            ("2130706433", false),
            ("[::ffff:127.0.0.1]", true), ("[::1", false), ("::1", false),
        ])
    func names(authority: String, isAccepted: Bool) {
        #expect(HostNames(["events.example.com"]).accept(authority[...]) == isAccepted)
        #expect(HostNames(["*"]).accept(authority[...]))
    }

    private func serving(
        _ names: [String] = [], _ address: String = "127.0.0.1", _ body: (RunningServer) async throws -> Void
    ) async throws {
        var listener = ListenSettings(host: address, port: 0)
        listener.hosts = HostNames(names)
        try await withServer({ $0.listeners = [listener] }, body)
    }

    private func request(_ target: String, _ host: String, _ method: String = "GET") -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\nContent-Length: 0\r\n\r\n"
    }

    @Test("a page that made its own name resolve to this machine is told that this is another server: 421")
    func rebinding() async throws {
        try await serving { server in
            let answer = try server.answer(to: request("/once", "evil.example:\(server.port)"))
            #expect(answer.status == 421 && answer["Connection"] == nil)
            #expect(answer.body.contains("does not know the host evil.example:\(server.port)"))
            for (target, method) in [
                ("/", "GET"), ("/missing", "GET"), ("/once", "HEAD"), ("/once", "OPTIONS"), ("/body", "POST"),
            ] {
                let answer = try server.answer(to: request(target, "evil.example", method), isHead: method == "HEAD")
                #expect(answer.status == 421, "\(method) \(target)")
            }
            // A plain request, which the doorstep reads.
            try #expect(server.answer(to: "GET /once HTTP/1.1\r\nHost: evil.example\r\n\r\n").status == 421)
            // The target's host counts, not the header's (RFC 9112 §3.2.2).
            try #expect(server.answer(to: request("http://evil.example/once", "localhost")).status == 421)
            #expect(server.opener.opened.isEmpty && server.server.refused == ["host": 8])
            try #expect(server.answer(to: request("http://localhost/once", "evil.example"), isHead: true).status == 200)
            try #expect(server.answer(to: request("/once", "localhost"), isHead: true).status == 200)
            // HTTP/1.0 need not name a host; browsers always do.
            try #expect(server.answer(to: "GET /once HTTP/1.0\r\n\r\n", isHead: true).status == 200)
        }
    }

    @Test("names that are listed are accepted, and other addresses have none to check")
    func others() async throws {
        try await serving(["events.example"]) { server in
            try #expect(server.answer(to: request("/missing", "events.example:8443")).status == 404)
            try #expect(server.answer(to: request("/missing", "evil.example")).status == 421)
        }
        try await serving([], "0.0.0.0") { server in
            try #expect(server.answer(to: request("/missing", "any.example")).status == 404)
        }
    }
}
