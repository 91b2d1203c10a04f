import Glibc
import TestSupport
import Testing

/// Everything that can happen to a plugin's file while its code runs. After each change the next signal leads to what the files then
/// say, and nobody who was there notices.
@Suite("Every way in which a file can change", .onTestThreads)
struct FileChangeTests {
    /// A server with two plugins: one whose file changes, and one beside it. Both have a stream that must not be harmed.
    private final class Scene {
        let server: SluiceServer
        /// The file that changes.
        let path: String
        private let resident: TestSubscriber
        private let bystander: TestSubscriber
        private let first: String
        private var beats = 0

        init(_ server: SluiceServer) throws {
            self.server = server
            path = "\(server.pluginDirectory)/TellsItsGeneration.so"
            resident = try server.subscribe("/tells-its-generation?tag=resident")
            bystander = try server.subscribe("/ticks-with-ids?tag=bystander&every=20")
            first = try resident.nextEvent().data ?? ""
        }

        /// The bytes of the plugin in a version of its own.
        func version(_ number: UInt8) throws -> [UInt8] {
            guard let bytes = readFile(try fixturePlugin("TellsItsGeneration")) else { throw TestFailure("no fixture") }
            return bytes + [number]
        }

        /// Writes into the file that is there, as cp does.
        func overwrite(_ bytes: some Collection<UInt8>, at path: String? = nil) throws {
            let descriptor = open(path ?? self.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o755)
            let all = Array(bytes)
            guard descriptor >= 0, write(descriptor, all, all.count) == all.count else { throw TestFailure("no write") }
            close(descriptor)
        }

        /// The generation that a new stream runs; `nil` if the route is gone, though streams of it drain.
        func generation() throws -> String? {
            let subscriber = try server.subscribe("/tells-its-generation")
            defer { subscriber.client.reset() }
            return try subscriber.head().status == 503 ? nil : subscriber.nextEvent().data
        }

        /// Reloads, and checks that the streams that were there from the beginning still are.
        func reload(refusing rule: String? = nil) throws {
            let start = server.logLines.count
            server.signal(SIGHUP)
            try server.waitForReload(from: start)
            let refusals = server.logLines[start...].compactMap { $0["error"] }
            if let rule {
                #expect(refusals.count == 1 && refusals[0].contains(rule), "\(refusals)")
            } else {
                #expect(refusals.isEmpty)
            }
            #expect(try resident.nextEvent().data == first, "the first stream left its code")
            for _ in 0..<2 {
                let beat = try bystander.nextEvent().data.flatMap { Int($0) } ?? -1
                #expect(beat == beats + 1, "the stream beside it lost events")
                beats = beat
            }
        }

        /// The change is taken up as a new generation.
        func expectNew(_ what: String, _ change: () throws -> Void) throws {
            let before = try generation()
            try change()
            try reload()
            let after = try generation()
            #expect(after != nil && after != before, "\(what)")
        }

        /// What serves goes on serving.
        func expectSame(_ what: String, refusing rule: String? = nil, _ change: () throws -> Void) throws {
            let before = try generation()
            try change()
            try reload(refusing: rule)
            #expect(try generation() == before, "\(what)")
        }
    }

    private func withScene(_ body: (Scene) throws -> Void) throws {
        // Old streams stay for as long as the test looks at them.
        try withServer(["TellsItsGeneration", "TicksWithIds"], flags: ["--drain-deadline", "1h"]) { server in
            try body(Scene(server))
        }
    }

    @Test("its content: replaced, copied over, copied slowly, cut off, emptied, touched")
    func content() throws {
        try withScene { scene in
            let server = scene.server
            try scene.expectNew("an atomic rename") { try server.install("TellsItsGeneration", appending: [1]) }
            try scene.expectSame("a touch") { utimes(scene.path, nil) }
            try scene.expectNew("cp over the file that is loaded") { try scene.overwrite(scene.version(2)) }
            try scene.expectSame("the same bytes in a new file") {
                unlink(scene.path)
                try scene.overwrite(scene.version(2))
            }

            let whole = try scene.version(3)
            let descriptor = open(scene.path, O_WRONLY | O_TRUNC | O_CLOEXEC)
            let half = whole.count / 2
            try scene.expectSame("the first half of a slow copy", refusing: "it is truncated") {
                #expect(whole.withUnsafeBytes { write(descriptor, $0.baseAddress, half) } == half)
            }
            try scene.expectNew("the whole of a slow copy") {
                let rest = whole.count - half
                #expect(whole.withUnsafeBytes { write(descriptor, $0.baseAddress! + half, rest) } == rest)
                close(descriptor)
            }
            try scene.expectSame("truncated while it is loaded", refusing: "it is truncated") {
                truncate(scene.path, 5000)
            }
            try scene.expectSame("emptied", refusing: "it is empty") { truncate(scene.path, 0) }
            try scene.expectSame("what was loaded is back") { try scene.overwrite(whole) }
            try scene.expectSame("some text", refusing: "it is not a shared object") {
                try scene.overwrite("not code\n".utf8)
            }
            try scene.expectNew("mended") { try scene.overwrite(scene.version(4)) }
        }
    }

    @Test("its place: a link, a directory, gone, and back")
    func place() throws {
        try withScene { scene in
            let elsewhere = TemporaryDirectory()
            try scene.expectNew("a link takes its place") {
                let target = elsewhere.write(try scene.version(1), to: "v1.so", mode: 0o755)
                unlink(scene.path)
                symlink(target, scene.path)
            }
            try scene.expectNew("the link leads to another version") {
                let target = elsewhere.write(try scene.version(2), to: "v2.so", mode: 0o755)
                unlink(scene.path)
                symlink(target, scene.path)
            }
            try scene.expectSame("the link leads nowhere", refusing: "it can't be opened") {
                unlink("\(elsewhere.path)/v2.so")
            }
            try scene.expectSame("a directory of that name", refusing: "it is not a regular file") {
                unlink(scene.path)
                mkdir(scene.path, 0o755)
            }
            try scene.expectSame("a pipe of that name", refusing: "it is not a regular file") {
                rmdir(scene.path)
                mkfifo(scene.path, 0o600)
            }
            try scene.expectSame("removed and put back between two signals") {
                unlink(scene.path)
                try scene.overwrite(scene.version(2))
            }
            unlink(scene.path)
            try scene.reload()
            #expect(try scene.generation() == nil, "it was removed")
            try scene.overwrite(scene.version(2))
            try scene.reload()
            #expect(try scene.generation() != nil, "it was put back")
        }
    }

    @Test("its permissions: who lets others write is refused")
    func permissions() throws {
        try withScene { scene in
            try scene.expectSame("writable by everyone", refusing: "it is writable by everyone") {
                chmod(scene.path, 0o777)
            }
            try scene.expectSame("changed meanwhile", refusing: "it is writable by everyone") {
                try scene.overwrite(scene.version(1))
            }
            try scene.expectNew("only its owner's again") { chmod(scene.path, 0o755) }
            let directory = scene.server.pluginDirectory
            try scene.expectSame("a directory that is everyone's", refusing: "is writable by everyone") {
                chmod(directory, 0o777)
            }
            try scene.expectSame("its owner's again") { chmod(directory, 0o755) }
        }
    }

    @Test("its name: renamed, and swapped with another, its streams stay")
    func name() throws {
        try withScene { scene in
            let directory = scene.server.pluginDirectory
            let start = scene.server.logLines.count
            try scene.expectSame("renamed") { rename(scene.path, "\(directory)/renamed.so") }
            try scene.expectSame("two names swapped") {
                rename("\(directory)/renamed.so", "\(directory)/.third")
                rename("\(directory)/TicksWithIds.so", "\(directory)/renamed.so")
                rename("\(directory)/.third", "\(directory)/TicksWithIds.so")
            }
            #expect(
                !scene.server.logLines[start...].contains {
                    $0.message == "plugin retired" || $0.message == "plugin loaded"
                })
            try scene.expectNew("the new name is the one that counts") {
                try scene.overwrite(scene.version(7), at: "\(directory)/TicksWithIds.so")
            }
        }
    }

    @Test("two files swap their routes in one reload")
    func routes() throws {
        try withScene { scene in
            let server = scene.server
            let build = { (plugin: String, route: String) throws in
                try fixturePlugin("Declared", defines: ["PLUGIN=\"\(plugin)\"", "ROUTE=\"\(route)\""])
            }
            try server.install(build("one", "/x"), as: "one")
            try server.install(build("two", "/y"), as: "two")
            try scene.reload()
            try server.install(build("one", "/y"), as: "one")
            try server.install(build("two", "/x"), as: "two")
            let start = server.logLines.count
            try scene.reload()
            let loaded = server.logLines[start...].filter { $0.message == "plugin loaded" }
            #expect(loaded.map { "\($0["plugin"] ?? "") \($0["routes"] ?? "")" } == ["one /y", "two /x"])
            #expect(try server.subscribe("/x").head().status == 200)
            #expect(try server.subscribe("/y").head().status == 200)
        }
    }

    @Test("the whole directory: replaced by another, gone, and back")
    func directory() throws {
        try withScene { scene in
            let directory = scene.server.pluginDirectory
            try scene.expectNew("another directory in its place") {
                mkdir(directory + "-next", 0o755)
                let ticks = readFile("\(directory)/TicksWithIds.so") ?? []
                try scene.overwrite(ticks, at: "\(directory)-next/TicksWithIds.so")
                try scene.overwrite(scene.version(1), at: "\(directory)-next/TellsItsGeneration.so")
                rename(directory, directory + "-before")
                rename(directory + "-next", directory)
            }
            try scene.expectSame("gone, as if unmounted", refusing: "the plugin directory can't be read") {
                rename(directory, directory + "-away")
            }
            try scene.expectSame("a file in its place", refusing: "the plugin directory can't be read") {
                try scene.overwrite([1], at: directory)
            }
            try scene.expectSame("back") {
                unlink(directory)
                rename(directory + "-away", directory)
            }
            // Mounted, and nothing in it: that is what removing everything looks like.
            rename(directory, directory + "-away")
            mkdir(directory, 0o755)
            let start = scene.server.logLines.count
            scene.server.signal(SIGHUP)
            try scene.server.waitForLog("end of the reload", from: start) { $0.matches("reloaded", ["removed": "2"]) }
            #expect(try scene.generation() == nil)
            rmdir(directory)
            rename(directory + "-away", directory)
            try scene.reload()
            #expect(try scene.generation() != nil)
        }
    }
}
