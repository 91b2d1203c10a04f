import FoundationEssentials
import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite("The walk producer", .onTestThreads)
struct WalkProducerTests {
    private struct Entry: Decodable, Hashable {
        let path, type: String
        let size: Int?

        init(_ event: TestEvent) throws {
            self = try JSONDecoder().decode(Entry.self, from: Data((event.data ?? "").utf8))
        }

        init(_ path: String, _ type: String, _ size: Int? = nil) {
            self.path = path
            self.type = type
            self.size = size
        }

        /// The size of a directory depends on the file system.
        var withoutSizeOfDirectory: Entry { type == "directory" ? Entry(path, type) : self }
    }

    private func entries(_ events: [TestEvent]) throws -> Set<Entry> {
        Set(try events.filter { $0.data != nil }.map { try Entry($0).withoutSizeOfDirectory })
    }

    @Test("each file is an event, whatever its name; then the stream is complete")
    func names() throws {
        let root = TemporaryDirectory()
        mkdir("\(root.path)/a", 0o755)
        mkdir("\(root.path)/a/empty", 0o755)
        root.write([1, 2, 3], to: "a/plain.txt")
        root.write([], to: "a/\"quoted\\\n\" and 100%")
        let odd: [UInt8] = [0xFF, 0x41, 0xC3]
        (root.path + "/a/").withCString { start in
            let path = Array(String(cString: start).utf8) + odd + [0]
            path.withUnsafeBytes {
                _ = Glibc.close(open($0.baseAddress!.assumingMemoryBound(to: CChar.self), O_CREAT | O_WRONLY, 0o644))
            }
        }
        symlink("/etc", "\(root.path)/a/link")
        mkfifo("\(root.path)/a/fifo", 0o600)
        try withShippedPlugin("walk", configuration: ["root": root.path]) { server in
            let subscriber = try server.subscribe("/walk")
            let events = try subscriber.rest()
            #expect(
                try entries(events) == [
                    Entry("a", "directory"), Entry("a/empty", "directory"), Entry("a/plain.txt", "file", 3),
                    Entry("a/%22quoted%5C%0A%22%20and%20100%25", "file", 0), Entry("a/%FFA%C3", "file", 0),
                    Entry("a/link", "link", 4), Entry("a/fifo", "other", 0),
                ])
            #expect(events.last?.comment == "7 entries, 0 of them not readable")
            #expect(subscriber.endMark?.id == "sluice-end")
            try server.waitForLog("stream closed", ["producer": "walk", "reason": "completed"])
            let below = try server.subscribe("/walk?path=a/empty").rest()
            #expect(try entries(below).isEmpty && below.contains { $0.comment == "0 entries, 0 of them not readable" })
            #expect(try entries(server.subscribe("/walk?path=a/../a/./plain.txt").rest()).isEmpty)
            try server.expectRefusal(204, of: "/walk", lastEventID: "sluice-end")
        }
    }

    @Test("a walk waits for a slow reader and loses nothing; comments report its progress")
    func slowReader() throws {
        let root = TemporaryDirectory()
        for number in 0..<5000 { root.write([], to: "a file with a long name to fill the queue, number \(number)") }
        let flags = ["--handoff-bytes", "4096"]
        try withShippedPlugin("walk", configuration: ["root": root.path], flags: flags) { server in
            let subscriber = try server.subscribe("/walk", receiveBufferBytes: 4096)
            var paths: Set<String> = []
            for _ in 0..<100 { paths.insert(try Entry(subscriber.nextEvent()).path) }
            let events = try subscriber.rest()
            paths.formUnion(try entries(events).map(\.path))
            #expect(paths.count == 5000)
            let comments = events.compactMap(\.comment)
            #expect(
                comments == (1...5).map { "\($0)000 entries so far" } + ["5000 entries, 0 of them not readable"])
        }
    }

    @Test("a walk ends with its subscriber, or with the server")
    func leaving() throws {
        let root = TemporaryDirectory()
        for number in 0..<2000 { root.write([], to: "a file with a long name to fill the queue, number \(number)") }
        let flags = ["--handoff-bytes", "4096"]
        try withShippedPlugin("walk", configuration: ["root": root.path], flags: flags) { server in
            let leaver = try RawClient(port: server.port, receiveBufferBytes: 2048, segmentBytes: 536)
            let stream = try TestSubscriber(asking: "/walk", on: leaver)
            _ = try stream.nextEvent()
            leaver.reset()
            try server.waitForLog("stream closed", ["producer": "walk", "reason": "disconnected"])
            let staying = try RawClient(port: server.port, receiveBufferBytes: 2048, segmentBytes: 536)
            let other = try TestSubscriber(asking: "/walk", on: staying)
            _ = try other.nextEvent()
        }
    }

    @Test("only files below the root are shown")
    func confinement() throws {
        let root = TemporaryDirectory()
        let outside = TemporaryDirectory()
        outside.write([], to: "secret")
        symlink(outside.path, "\(root.path)/out")
        // A sibling whose name begins like the root's.
        mkdir(root.path + "-sibling", 0o755)
        defer { rmdir(root.path + "-sibling") }
        let name = root.path.split(separator: "/").last ?? ""
        try withShippedPlugin("walk", configuration: ["root": root.path]) { server in
            try server.expectRefusal(403, of: "/walk?path=..")
            try server.expectRefusal(403, of: "/walk?path=../\(name)-sibling")
            try server.expectRefusal(403, of: "/walk?path=out")
            try server.expectRefusal(404, of: "/walk?path=out/secret/x")
            try server.expectRefusal(404, of: "/walk?path=missing")
            try server.expectRefusal(404, of: "/walk?path=" + String(repeating: "x/", count: 3000))
            let events = try server.subscribe("/walk").rest()
            #expect(try entries(events) == [Entry("out", "link", outside.path.utf8.count)])
        }
    }

    @Test("without a configured root, or with a missing one, nothing is shown")
    func unconfigured() throws {
        try withShippedPlugin("walk") { server in
            let response = try server.expectRefusal(403, of: "/walk")
            #expect(response.body.contains("is not configured"))
        }
        try withShippedPlugin("walk", configuration: ["root": "/no/such/root"]) { server in
            try server.expectRefusal(500, of: "/walk")
            try server.waitForLog("the configured root cannot be found")
        }
    }
}
