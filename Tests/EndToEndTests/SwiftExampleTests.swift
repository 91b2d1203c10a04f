import TestSupport
import Testing

@Suite("The examples in Swift", .onTestThreads)
struct SwiftExampleTests {
    private func post(_ body: String, to target: String, of server: SluiceServer) throws -> RawClient {
        let client = try server.connect()
        try client.send(
            "POST \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return client
    }

    @Test("tokens: a prompt in, tokens out, and [DONE] at the end, behind which there is nothing")
    func tokens() throws {
        try withShippedPlugin("tokens") { server in
            let client = try post("one two one two", to: "/v1/completions?max_tokens=3&pause=0", of: server)
            let events = try TestSubscriber(on: client).rest().filter { $0.data != nil }
            #expect(
                events.map(\.data) == [
                    #"{"index":0,"text":" one"}"#, #"{"index":1,"text":" two"}"#, #"{"index":2,"text":" one"}"#,
                    "[DONE]",
                ])
            try server.waitForLog("stream closed", ["producer": "tokens", "reason": "completed", "events": "4"])
            try server.expectRefusal(400, of: "/v1/completions")
        }
    }

    @Test("tokens: the work stops when the subscriber leaves")
    func tokensLeft() throws {
        try withShippedPlugin("tokens") { server in
            let client = try post("a b", to: "/v1/completions?max_tokens=100000&pause=0.001", of: server)
            _ = try TestSubscriber(on: client).nextEvent()
            client.close()
            try server.waitForLog("stream closed", ["producer": "tokens", "reason": "disconnected"])
        }
    }

    @Test("chat: what is said in a room reaches all who listen there, and nobody else")
    func chat() throws {
        try withShippedPlugin("chat") { server in
            let kitchen = try (0..<3).map { _ in try server.subscribe("/chat/kitchen") }
            let garden = try server.subscribe("/chat/garden")
            for subscriber in kitchen + [garden] { _ = try subscriber.nextFrame() }
            func say(_ text: String, _ target: String) throws -> Int {
                try post(text, to: target, of: server).readResponse().status
            }
            #expect(try say("hello", "/chat/kitchen/say?from=Ann") == 204)
            #expect(try say("hi", "/chat/garden/say") == 204)
            for subscriber in kitchen {
                #expect(try subscriber.nextEvent().data == #"{"from":"Ann","text":"hello"}"#)
            }
            #expect(try garden.nextEvent().data == #"{"from":"somebody","text":"hi"}"#)
            #expect(try say("anyone?", "/chat/cellar/say") == 404)
            #expect(try say("", "/chat/kitchen/say") == 400)
        }
    }
}
