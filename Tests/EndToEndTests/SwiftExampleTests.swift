import TestSupport
import Testing

@Suite("The Swift examples", .onTestThreads)
struct SwiftExampleTests {
    private func post(_ body: String, to target: String, of server: SluiceServer) throws -> RawClient {
        let client = try server.connect()
        try client.send(
            "POST \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return client
    }

    @Test("tokens: a prompt in, tokens out, and [DONE] at the end, with nothing after it")
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

    @Test("tokens: the work stops when the subscriber disconnects")
    func tokensLeft() throws {
        try withShippedPlugin("tokens") { server in
            let client = try post("a b", to: "/v1/completions?max_tokens=100000&pause=0.001", of: server)
            _ = try TestSubscriber(on: client).nextEvent()
            client.close()
            try server.waitForLog("stream closed", ["producer": "tokens", "reason": "disconnected"])
        }
    }

    @Test("chat: a message in a room reaches all of its subscribers, and nobody else")
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

    @Test(
        "rows: new rows, each once, from any process; a subscriber that reconnects gets those added meanwhile",
        .enabled(if: BuiltProducts.hasPlugin("rows"), "Plugins/rows is not built: it needs libsqlite3-dev"))
    func rows() throws {
        let directory = TemporaryDirectory()
        let database = "\(directory.path)/notes.db"
        func run(_ statement: String) throws {
            let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
            let python = try ChildProgram.run(["python3", "-c", script, database, statement])
            try #require(python.status == 0, "\(python.output)")
        }
        try run("CREATE TABLE notes (author TEXT, stars INTEGER)")
        try run("INSERT INTO notes VALUES ('Ann', 5)")
        try withShippedPlugin("rows", configuration: ["database": database, "table": "notes"]) { server in
            let newcomer = try server.subscribe("/rows?poll=0.02")
            _ = try newcomer.nextFrame()
            try run("INSERT INTO notes VALUES (NULL, 4)")
            let event = try newcomer.nextEvent()
            #expect(event.data == #"{"author":null,"stars":"4"}"# && event.id == "2")
            // With a different parameter, so that it is a new stream.
            let returning = try server.subscribe("/rows?poll=0.03", returningWith: "0")
            #expect(try returning.nextEvent().data == #"{"author":"Ann","stars":"5"}"#)
            #expect(try returning.nextEvent().id == "2")
        }
        try withShippedPlugin("rows") { try $0.expectRefusal(403, of: "/rows") }
    }
}
