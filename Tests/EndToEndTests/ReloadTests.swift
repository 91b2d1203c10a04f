import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("A reload (SIGHUP)", .onTestThreads)
struct ReloadTests {
    /// Different content with the same code: bytes after the last section of a shared object have no meaning.
    static let otherContent: [UInt8] = [0]

    @Test("loads a new file, while streams of the others continue")
    func new() throws {
        try withServer(["TicksWithIds"]) { server in
            let ticking = try server.subscribe("/ticks-with-ids?tag=a")
            _ = try ticking.nextEvent()
            try server.install("EndsAfterCount")
            try server.reload()
            #expect(try server.subscribe("/ends-after-count?count=1&tag=b").rest().contains { $0.data == "1" })
            _ = try ticking.nextEvent()
            #expect(try server.ledger.isUnclosed("a"))
            #expect(server.ledger.entries.count { $0.what == "loaded" && $0.stream.plugin == "ticks-with-ids" } == 1)
        }
    }

    @Test("a changed file serves new streams; the old ones drain to the deadline, and then their subscribers reconnect")
    func changed() throws {
        try withServer(["TellsItsGeneration", "TicksWithIds"], flags: ["--drain-deadline", "1s"]) { server in
            let old = try server.subscribe("/tells-its-generation?tag=old")
            let untouched = try server.subscribe("/ticks-with-ids?tag=untouched")
            let first = try old.nextEvent().data
            try server.install("TellsItsGeneration", appending: Self.otherContent)
            try server.reload()

            let new = try server.subscribe("/tells-its-generation?tag=new")
            let second = try new.nextEvent().data
            #expect(first != second, "the new stream runs the old code")
            #expect(try old.nextEvent().data == first, "the old stream goes on with the old code")

            let rest = try old.client.readToEnd()
            #expect(rest.hasSuffix("\r\n0\r\n\r\n"), "the old stream was cut within a frame")
            #expect(rest.contains("retry: "), "the old subscriber was not told when to come back")
            try server.expectClose(of: "old", .reloaded)
            try server.ledger.wait(for: "shutdown", within: .seconds(30))
            let shutdowns = server.ledger.entries.filter { $0.what == "shutdown" }
            #expect(shutdowns.map { String($0.stream.generation) } == [first], "only the old generation is over")
            _ = try new.nextEvent()
            _ = try untouched.nextEvent()
            #expect(try server.ledger.isUnclosed("new"))
            #expect(try server.ledger.isUnclosed("untouched"))
            server.signal(SIGUSR1)
            try server.waitForLog(
                "ledger",
                ["plugin": "tells-its-generation", "generation": "2", "opens": "1", "closes": "0", "open": "1"])
        }
    }

    @Test(
        "a generation without streams is retired at once, except the last one, which is held during the new one's trial"
    )
    func changedWhileIdle() throws {
        try withServer(["TellsItsGeneration"]) { server in
            let first = try server.subscribe("/tells-its-generation?tag=a")
            _ = try first.nextEvent()
            first.client.close()
            try server.expectClose(of: "a", .disconnected)
            for round in 1...5 {
                try server.install(
                    "TellsItsGeneration", appending: [UInt8](repeating: 0, count: round))
                try server.reload()
            }
            func generations(_ what: String) throws -> [String] {
                try server.ledger.settle()
                return server.ledger.entries.filter { $0.what == what }.map { String($0.stream.generation) }
            }
            let loaded = try generations("loaded")
            #expect(loaded.count == 6)
            // A reload does not wait for them, and each has its own thread.
            for generation in loaded.dropLast(2) { try server.ledger.waitForShutdown(of: generation) }
            #expect(try generations("shutdown").sorted() == loaded.dropLast(2).sorted())
            #expect(try server.subscribe("/tells-its-generation?tag=b").nextEvent().data == loaded.last)
            try server.ledger.waitForShutdown(of: loaded[4])
            #expect(try generations("shutdown").sorted() == loaded.dropLast().sorted())
        }
    }

    @Test("a removed file: its streams drain and are notified, then its route is gone")
    func removed() throws {
        try withServer(["TellsItsGeneration", "TicksWithIds"], flags: ["--drain-deadline", "500ms"]) { server in
            let old = try server.subscribe("/tells-its-generation?tag=old")
            _ = try old.nextEvent()
            server.uninstall("TellsItsGeneration")
            try server.reload()
            #expect(try old.client.readToEnd().hasSuffix("\r\n0\r\n\r\n"))
            try server.expectClose(of: "old", .removed)
            try server.ledger.wait(for: "shutdown", within: .seconds(30))
            #expect(try server.subscribe("/tells-its-generation").head().status == 404)
            #expect(try server.subscribe("/ticks-with-ids?count=1&tag=b").rest().contains { $0.data == "1" })
        }
    }

    @Test(
        "the last file is removed: while a stream is left, new clients must reconnect, until there is a file again"
    )
    func emptied() throws {
        try withServer(["TellsItsGeneration"]) { server in
            let old = try server.subscribe("/tells-its-generation?tag=old")
            _ = try old.nextEvent()
            server.uninstall("TellsItsGeneration")
            try server.reload()
            let browser = try server.subscribe("/tells-its-generation", headers: [("Accept", "text/event-stream")])
            #expect(try browser.head().status == 200)
            #expect(try browser.rest().map { $0.retry != nil } == [true])
            let other = try server.subscribe("/tells-its-generation").head()
            #expect(other.status == 503 && other["Retry-After"] != nil)
            try server.install("TellsItsGeneration", appending: [7])
            try server.reload()
            #expect(try server.subscribe("/tells-its-generation?tag=new").nextEvent().data != nil)
        }
    }

    @Test("a stream that opens after the end of its generation is closed at once, and its subscriber reconnects")
    func duringOpen() throws {
        try withServer(["OpensLater"], flags: ["--drain-deadline", "50ms"]) { server in
            let old = try server.subscribe(opening: "/opens-later", tag: "old")
            try server.ledger.wait(for: "open-left", "3", tag: "old")
            try server.install("OpensLater", appending: Self.otherContent)
            try server.reload()
            try server.ledger.wait(for: "interrupt-left", tag: "old")
            #expect(!server.ledger.entries.contains { $0.what == "shutdown" }, "shutdown ran before open was answered")
            server.openGate()
            #expect(try old.head().status == 200)
            #expect(try old.rest().contains { $0.retry != nil })
            try server.expectClose(of: "old", .reloaded)
            #expect(server.ledger.stream("old")?.nextCount == 0)
            try server.ledger.wait(for: "shutdown", within: .seconds(30))
            let new = try server.subscribe("/opens-later?tag=new")
            server.openGate()
            #expect(try new.nextEvent().data == "through")
        }
    }

    @Test("a failed candidate leaves the old generation serving, and the log says what is wrong with it")
    func failed() throws {
        try withServer(["TellsItsGeneration"]) { server in
            let old = try server.subscribe("/tells-its-generation?tag=a")
            let generation = try old.nextEvent().data
            let text = server.directory.write("this is no shared object\n".utf8, to: "text.so", mode: 0o755)
            try server.install(text, as: "TellsItsGeneration")
            let start = server.logLines.count
            server.signal(SIGHUP)
            try server.waitForLog("refusal", from: start) {
                $0.level == "error" && $0.description.contains("TellsItsGeneration.so")
            }
            #expect(try old.nextEvent().data == generation)
            #expect(try server.subscribe("/tells-its-generation?tag=b").nextEvent().data == generation)
            // A fixed version is loaded.
            try server.install("TellsItsGeneration", appending: [0, 0])
            try server.reload()
            #expect(try server.subscribe("/tells-its-generation?tag=c").nextEvent().data != generation)
        }
    }

    @Test("nothing has changed: nothing is loaded")
    func unchanged() throws {
        try withServer(["TellsItsGeneration"]) { server in
            for _ in 1...3 { try server.reload() }
            try server.ledger.settle()
            #expect(server.ledger.entries.count { $0.what == "loaded" } == 1)
        }
    }

    @Test("many at once, while streams open and close: none is lost")
    func underLoad() throws {
        try withServer(["TellsItsGeneration", "TicksWithIds"], flags: ["--drain-deadline", "200ms"]) { server in
            var number = 0
            for round in 1...10 {
                try server.install("TellsItsGeneration", appending: [UInt8](repeating: 1, count: round))
                server.signal(SIGHUP)
                for _ in 0..<10 {
                    number += 1
                    let subscriber = try server.subscribe("/tells-its-generation?tag=\(number)")
                    #expect(try subscriber.nextEvent().data != nil)
                    if number % 2 == 0 { subscriber.client.reset() }
                }
            }
            try server.reload()
        }
    }
}
