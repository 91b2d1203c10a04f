import Glibc
import ProducerInterface
import TestSupport
import Testing

@testable import PluginHost

@Suite("The plugin loader")
struct PluginLoaderTests {
    private let loader = PluginLoader(logger: RecordedLog.logger("loader"))
    private let directory = TemporaryDirectory()

    private func scanRefusal(_ path: String) throws -> String {
        try #require(#expect(throws: PluginRefusal.self) { try loader.scan(path) }).description
    }

    @Test("finds *.so, sorted, and passes by what is hidden or something else")
    func scan() throws {
        for name in ["b.so", "a.so", ".c.so", "d.so.1", "so", "e.c"] { directory.write([1], to: name) }
        #expect(try loader.scan(directory.path) == ["a.so", "b.so"].map { "\(directory.path)/\($0)" })
        #expect(try loader.scan(directory.path + "/").first == "\(directory.path)/a.so")
    }

    @Test("says clearly why a directory has nothing to load")
    func nothing() throws {
        #expect(
            try scanRefusal("\(directory.path)/none")
                == "\(directory.path)/none: the plugin directory can't be read (No such file or directory); create it, or name another one"
        )
        #expect(try loader.scan(directory.path).isEmpty)
        let file = directory.write([1], to: "file.so")
        #expect(try scanRefusal(file).contains("can't be read (Not a directory)"))
        chmod(directory.path, 0o777)
        #expect(
            try scanRefusal(directory.path)
                == "\(directory.path): it is writable by everyone; run chmod go-w \(directory.path), or pass --insecure-plugins"
        )
        let insecure = PluginLoader(settings: .init(isInsecure: true), logger: RecordedLog.logger("loader"))
        #expect(try insecure.scan(directory.path).count == 1)
    }

    @Test(
        "leaves no copy behind, neither of what loads nor of what does not",
        arguments: ["Plain", "UndefinedSymbol", "EntryMissing"])
    func copies(fixture: String) async throws {
        let path = try fixturePlugin(fixture)
        // The name makes this test's copies known among those that other tests make meanwhile.
        let name = "\(fixture)-\(getpid())-copies.so"
        let plugin = directory.write(try #require(readFile(path)), to: name)
        _ = try? loader.load(plugin)
        let left = privateDirectories().filter { access($0, F_OK) == 0 && holds($0, name) }
        #expect(left.isEmpty)
        // What is mapped no longer has a name.
        let maps = String(decoding: try #require(readFile("/proc/self/maps")), as: UTF8.self)
        let mapped = maps.split(separator: "\n").filter { $0.contains(name) }
        #expect(mapped.allSatisfy { $0.hasSuffix("(deleted)") })
        #expect(mapped.isEmpty == (fixture == "UndefinedSymbol"))
    }

    @Test("a plugin that is overwritten after it was loaded runs on")
    func overwritten() throws {
        let bytes = try #require(readFile(fixturePlugin("Plain")))
        let path = directory.write(bytes, to: "plain.so", mode: 0o755)
        let plugin = try loader.load(path)
        // In place, as cp does: the pages of whoever maps this file are gone.
        directory.write([], to: "plain.so")
        let stream = HandDrivenStream(plugin.producers[0])
        _ = try stream.open()
        _ = stream.pull()
        #expect(stream.text() == "data: 1\n\ndata: 2\n\ndata: 3\n\n")
        #expect(stream.close(.completed))
    }

    @Test("a changed file under the old name is loaded as what it is now")
    func changed() throws {
        let plain = try #require(readFile(fixturePlugin("Plain")))
        let path = directory.write(plain, to: "plugin.so", mode: 0o755)
        let first = try loader.load(path)
        let id = try loader.read(path).contentID
        #expect(id == first.contentID)
        directory.write(try #require(readFile(fixturePlugin("EchoesParameters"))), to: "plugin.so", mode: 0o755)
        #expect(try loader.read(path).contentID != id)
        #expect(try loader.load(path).name == "echo")
        #expect(first.name == "plain")
    }

    @Test("plugins load on many threads at once")
    func concurrent() async throws {
        let path = try fixturePlugin("CountsItsShutdowns")
        let names = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    let plugin = try loader.load(path)
                    plugin.shutdown()
                    return plugin.name
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(names == Array(repeating: "shuts-down", count: 16))
    }

    /// The directories that hold private copies at this moment.
    private func privateDirectories() -> [String] {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        // mkdtemp fills in six letters; the tests' own directories have longer names.
        return names(in: parent).filter { $0.hasPrefix("sluice-") && $0.utf8.count == 13 }.map { "\(parent)/\($0)" }
    }

    private func holds(_ directory: String, _ name: String) -> Bool {
        let inside = names(in: directory)
        return inside.contains { $0.hasSuffix(name) }
    }

    private func names(in directory: String) -> [String] {
        guard let listing = opendir(directory) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}

@Suite("Plugins side by side")
struct ConflictTests {
    private func declared(_ name: String, _ route: String) throws -> LoadedPlugin {
        try loadFixture("Declared", defines: ["PLUGIN=\"\(name)\"", "ROUTE=\"\(route)\""])
    }

    @Test("different names and routes do not conflict, nor does a literal with a placeholder")
    func none() throws {
        let plugins = [
            try declared("one", "/a"), try declared("two", "/{a}"), try declared("three", "/a/{b}"),
            try declared("four", "/{a}/b"),
        ]
        #expect(conflicts(among: plugins).isEmpty)
    }

    @Test("a name that two plugins have is refused to the later one, naming both")
    func names() throws {
        let plugins = [try declared("same", "/a"), try declared("same", "/b")]
        let refusals = conflicts(among: plugins)
        #expect(
            refusals == [
                PluginRefusal(
                    file: plugins[1].file, rule: "its name, same, is already used by \(plugins[0].file)",
                    remedy: "rename one of the two plugins, or remove one")
            ])
    }

    @Test("a route that two plugins have is refused to the later one, naming both")
    func routes() throws {
        let plugins = [try declared("one", "/x/{a}"), try declared("two", "/x/{b}")]
        let refusals = conflicts(among: plugins)
        #expect(
            refusals.map(\.description) == [
                "\(plugins[1].file): its producer declared has the route /x/{b}, which conflicts with declared (/x/{a}) in "
                    + "\(plugins[0].file); change one of the two routes, or remove one plugin"
            ])
    }
}
