import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite(
    "The sqlite producers", .onTestThreads,
    .enabled(if: BuiltProducts.hasPlugin("sqlite"), "Plugins/sqlite is not built: it needs libsqlite3-dev"))
struct SqliteProducerTests {
    /// A database file that separate programs write to.
    private struct Database {
        let directory = TemporaryDirectory()
        var path: String { "\(directory.path)/test.db" }

        init(_ schema: String = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE)") throws {
            try run(schema)
        }

        /// Runs a statement in another process.
        func run(_ statement: String) throws {
            let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
            let python = try ChildProgram.run(["python3", "-c", script, path, statement])
            try #require(python.status == 0, "\(python.output)")
        }
    }

    private func withDatabase(
        _ database: Database, statement: String = "INSERT INTO notes (text) VALUES (?1)", poll: String = "0.02",
        _ body: (SluiceServer) throws -> Void
    ) throws {
        let settings = """
            producers:
              sqlite: {database: "\(database.path)", poll: "\(poll)"}
              sqlite-run: {database: "\(database.path)", statement: "\(statement)"}
            """
        let file = database.directory.write(settings.utf8, to: "sluice.yaml")
        try withServer([BuiltProducts.plugin("sqlite")], flags: ["--config", file], body)
    }

    /// Posts a text to the configured statement.
    private func post(_ text: String, to server: SluiceServer) throws -> TestSubscriber {
        let client = try server.connect()
        try client.send(
            "POST /sqlite/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
        return TestSubscriber(on: client)
    }

    @Test("each row that is changed through the plugin's connection is an event, for all watchers")
    func rows() throws {
        let database = try Database()
        try withDatabase(database, statement: "INSERT OR REPLACE INTO notes (id, text) VALUES (length(?1), ?1)") {
            server in
            let watchers = try (0..<2).map { _ in try server.subscribe("/sqlite") }
            for watcher in watchers { _ = try watcher.head() }
            let first = try post("one", to: server)
            #expect(try first.rest().compactMap(\.data) == [#"{"changes":1,"rowid":3}"#])
            #expect(first.isComplete && first.endMark == nil, "a POST's client does not return")
            for watcher in watchers {
                let event = try watcher.nextEvent()
                #expect(event.type == "row")
                #expect(event.data == #"{"op":18,"database":"main","table":"notes","rowid":3}"#)
            }
            _ = try post("four", to: server).rest()
            for watcher in watchers {
                #expect(try watcher.nextEvent().data == #"{"op":18,"database":"main","table":"notes","rowid":4}"#)
            }
        }
    }

    @Test("updates and deletions are reported, too, each with its number")
    func operations() throws {
        let database = try Database()
        try database.run("INSERT INTO notes (id, text) VALUES (1, 'a'), (2, 'b')")
        let update = "UPDATE notes SET text = text || ?1 WHERE id = 2"
        try withDatabase(database, statement: update) { server in
            let watcher = try server.subscribe("/sqlite")
            _ = try watcher.head()
            _ = try post("x", to: server).rest()
            #expect(try watcher.nextEvent().data == #"{"op":23,"database":"main","table":"notes","rowid":2}"#)
        }
        try withDatabase(database, statement: "DELETE FROM notes WHERE text = ?1") { server in
            let watcher = try server.subscribe("/sqlite")
            _ = try watcher.head()
            _ = try post("a", to: server).rest()
            #expect(try watcher.nextEvent().data == #"{"op":9,"database":"main","table":"notes","rowid":1}"#)
        }
    }

    @Test("changes by another process are noticed")
    func otherProcess() throws {
        let database = try Database()
        try withDatabase(database) { server in
            let watcher = try server.subscribe("/sqlite")
            _ = try watcher.head()
            // The stream has read its first version by the time it is open.
            var versions: Set<String> = []
            for text in ["a", "b"] {
                try database.run("INSERT INTO notes (text) VALUES ('\(text)')")
                let event = try watcher.nextEvent()
                #expect(event.type == "changed")
                versions.insert(event.data ?? "")
            }
            #expect(versions.count == 2)
            // Its own changes are not reported twice.
            _ = try post("c", to: server).rest()
            #expect(try watcher.nextEvent().type == "row")
            try database.run("DELETE FROM notes")
            #expect(try watcher.nextEvent().type == "changed")
        }
    }

    @Test("a watcher that connects after the last one has left gets the same events")
    func again() throws {
        let database = try Database()
        try withDatabase(database) { server in
            for round in 1...3 {
                let watcher = try server.subscribe("/sqlite")
                _ = try watcher.head()
                _ = try post("round \(round)", to: server).rest()
                #expect(try watcher.nextEvent().data?.hasSuffix(#""rowid":\#(round)}"#) == true)
                watcher.client.reset()
            }
        }
    }

    @Test("statements that the database rejects are rejected, and missing configuration, too")
    func refusals() throws {
        let database = try Database()
        try withDatabase(database) { server in
            _ = try post("once", to: server).rest()
            #expect(try post("once", to: server).head().status == 409)
            #expect(try server.refusal(of: "/sqlite/run").status == 400)
        }
        try withDatabase(database, statement: "no such SQL ?1") { server in
            #expect(try post("x", to: server).head().status == 500)
            try server.waitForLog("SQL logic error", ["producer": "sqlite-run"])
        }
        try withDatabase(database, poll: "soon") { server in try server.expectRefusal(500, of: "/sqlite") }
        try withServer([BuiltProducts.plugin("sqlite")]) { server in
            try server.expectRefusal(403, of: "/sqlite")
            #expect(try post("x", to: server).head().status == 403)
        }
    }

    @Test("a file that is not a database, or does not exist, is rejected with the reason in the log")
    func noDatabase() throws {
        let directory = TemporaryDirectory()
        let text = directory.write(String(repeating: "not a database ", count: 100).utf8, to: "text")
        for (path, reason) in [(text, "file is not a database"), ("\(directory.path)/missing", "unable to open")] {
            try withShippedPlugin("sqlite", configuration: ["database": path]) { server in
                try server.expectRefusal(503, of: "/sqlite")
                try server.waitForLog(reason) { $0.message.contains(reason) }
            }
        }
    }
}
