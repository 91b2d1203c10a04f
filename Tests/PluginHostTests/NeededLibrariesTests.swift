import Glibc
import TestSupport
import Testing

@testable import PluginHost

@Suite("The libraries that an image needs")
struct NeededLibrariesTests {
    private func needed(by path: String) throws -> NeededLibraries {
        let bytes = try #require(readFile(path))
        return bytes.withUnsafeBytes { NeededLibraries(of: $0) }
    }

    @Test("are read from its dynamic section, with their search paths")
    func names() throws {
        let plugin = try fixturePlugin("NeedsLibrary")
        let folder = String(plugin.dropLast("/NeedsLibrary.so".count))
        let needed = try needed(by: plugin)
        #expect(needed.names.contains { $0.hasSuffix("libdependency.so") })
        #expect(needed.folders == [folder])
    }

    @Test("have another stamp when one of them is replaced")
    func stamp() throws {
        let plugin = try fixturePlugin("NeedsLibrary", defines: ["STAMPED"])
        let needed = try needed(by: plugin)
        let before = needed.stamp
        #expect(before == needed.stamp)
        let library = plugin.dropLast("NeedsLibrary.so".count) + "libdependency.so"
        #expect(rename(String(library), "\(library).old") == 0)
        #expect(needed.stamp != before)
    }

    /// Compiles a library that needs others in the same folder.
    private func compile(_ name: String, needing others: [String], in folder: String, flags: [String] = []) throws {
        let words =
            [
                "cc", "-shared", "-fPIC", "-x", "c", "/dev/null", "-o", "\(folder)/\(name)", "-Wl,--no-as-needed",
                "-L\(folder)",
            ]
            + others.map { "-l:\($0)" } + flags
        let compiler = try ChildProgram.run(words)
        try #require(compiler.status == 0, "\(compiler)")
    }

    @Test(
        "have another stamp when an indirect one is replaced, even with circular dependencies",
        arguments: [
            "runpath", "origin", "rpath",
        ])
    func transitive(way: String) throws {
        let place = TemporaryDirectory()
        let folder = place.path
        // Only the first has an old path, which also applies to all of its dependencies.
        let (first, others) =
            switch way {
            case "runpath": (["-Wl,-rpath,\(folder)"], ["-Wl,-rpath,\(folder)"])
            case "origin": (["-Wl,-rpath,\(folder)"], ["-Wl,-rpath,$ORIGIN"])
            default: (["-Wl,-rpath,\(folder),--disable-new-dtags"], [String]())
            }
        try compile("libb.so", needing: [], in: folder)
        try compile("liba.so", needing: ["libb.so"], in: folder, flags: others)
        try compile("libc-in-a-circle.so", needing: ["liba.so"], in: folder, flags: others)
        try compile("libb.so", needing: ["libc-in-a-circle.so"], in: folder, flags: others)
        try compile("plugin.so", needing: ["liba.so"], in: folder, flags: first)
        let needed = try needed(by: "\(folder)/plugin.so")
        #expect(needed.names.contains("liba.so") && !needed.names.contains("libb.so"))
        for library in ["liba.so", "libb.so", "libc-in-a-circle.so"] {
            let before = needed.stamp
            #expect(before == needed.stamp)
            try #require(rename("\(folder)/\(library)", "\(folder)/old") == 0)
            #expect(needed.stamp != before, "\(library)")
            try #require(rename("\(folder)/old", "\(folder)/\(library)") == 0)
        }
    }

    @Test("are empty for truncated or randomly changed files, and nothing crashes")
    func damaged() throws {
        var random = SeededRandom.fromEnvironment(test: "needed libraries")
        let bytes = try #require(readFile(try fixturePlugin("NeedsLibrary")))
        for length in stride(from: 0, to: bytes.count, by: 97) {
            _ = bytes[..<length].withUnsafeBytes { NeededLibraries(of: $0) }
        }
        for _ in 0..<500 {
            var damaged = bytes
            for _ in 0..<8 { damaged[Int.random(in: 0..<1024, using: &random)] = .random(in: 0...255, using: &random) }
            _ = damaged.withUnsafeBytes { NeededLibraries(of: $0) }
        }
    }

    @Test("in memory are listed with their own dependencies")
    func mapped() throws {
        let images = MappedImage.all()
        let own = try #require(images.first { $0.path.hasSuffix("/libswiftCore.so") })
        #expect(own.needed.contains("libc.so.6"))
    }
}
