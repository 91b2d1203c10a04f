import Foundation
import Testing

@Suite("The README")
struct ReadmeTests {
    private static func readme() throws -> Repository.File { try Repository.file("README.md") }

    /// The fenced block behind the comment that marks it, as `.ci/run` finds it.
    private static func command(_ name: String) throws -> String {
        let lines = try readme().lines
        let mark = try #require(lines.firstIndex(of: "<!-- run: \(name) -->"), "no command is marked 'run: \(name)'")
        try #require(lines[mark + 1] == "```sh")
        return lines[(mark + 2)...].prefix { $0 != "```" }.joined(separator: "\n")
    }

    /// The content of each fenced block in that language.
    private static func blocks(_ language: String) throws -> [String] {
        let text = try readme().text
        return text.components(separatedBy: "\n```\(language)\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
    }

    @Test("it is short enough to be read")
    func length() throws {
        #expect((100...160).contains(try Self.readme().lines.count - 1))
    }

    @Test("one line installs, builds and serves; one runs the tests")
    func commands() throws {
        let serve = try Self.command("serve")
        #expect(!serve.contains("\n"))
        #expect(serve.contains("libffi-dev"))
        #expect(serve.contains("swift build -c release"))
        #expect(serve.hasSuffix(".build/release/sluice serve .build/release"))
        let tests = try Self.command("test")
        #expect(FileManager.default.isExecutableFile(atPath: Repository.root.appending(path: tests).path))
    }

    @Test("its producers are those that ship, and what listens to one is in its page")
    func producer() throws {
        let c = try #require(try Self.blocks("c").first)
        #expect(try c + "\n" == Repository.file("Plugins/hello/hello.c").text)
        let block = try #require(try Self.blocks("swift").first)
        #expect(try block + "\n" == Repository.file("Plugins/hello-swift/HelloSwift.swift").text)
        let listening = try #require(try Self.blocks("js").first).split(separator: "\n")
        #expect(listening.count == 4)
        let page = try Repository.file("Plugins/hello-swift/index.html").lines.map { $0.drop { $0 == " " } }
        for line in listening { #expect(page.contains(line), "\(line)") }
    }

    @Test("it names each verb of the command")
    func verbs() throws {
        let command = try Repository.file("Sources/SluiceCommand/Sluice.swift").text
        let hidden: Set = ["probe", "scenario"]
        let verbs = command.matches(of: /(\w+)Command\.self/).map { $0.output.1.lowercased() }
        #expect(verbs.count > 5)
        let table = try Self.readme().text
        for verb in verbs where !hidden.contains(verb) { #expect(table.contains("sluice \(verb)"), "\(verb)") }
    }

    @Test("the chapter on wrapping a C library shows all of the file that is compiled, piece by piece")
    func chapter() throws {
        let page = try Repository.file("Plugins/walk/README.md").text
        let pieces = page.components(separatedBy: "\n```c\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
        #expect(pieces.count > 5)
        #expect(try pieces.joined(separator: "\n\n") + "\n" == Repository.file("Plugins/walk/walk.c").text)
    }

    @Test("its line for compiling compiles, and leaves one file that exports one symbol", .timeLimit(.minutes(1)))
    func compiling() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "readme-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(
            at: folder.appending(path: "plugins"), withIntermediateDirectories: true)
        for name in ["include", "Plugins"] {
            try FileManager.default.createSymbolicLink(
                at: folder.appending(path: name), withDestinationURL: Repository.root.appending(path: name))
        }
        let output = Pipe()
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-euc", try Self.command("compile") + "; nm -D --defined-only plugins/hello.so"]
        shell.currentDirectoryURL = folder
        shell.standardOutput = output
        try shell.run()
        let symbols = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        shell.waitUntilExit()
        #expect(shell.terminationStatus == 0)
        let names = symbols.split(separator: "\n").map { $0.split(separator: " ").last.map { String($0) } }
        #expect(names == ["sluice_plugin_entry"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/plugins") == ["hello.so"])
    }

    @Test("what it links to is there")
    func links() throws {
        let links = try Self.readme().text.matches(of: /\]\((?!https?:)([^)#]+)\)/).map { String($0.output.1) }
        #expect(!links.isEmpty)
        for link in links {
            #expect(FileManager.default.fileExists(atPath: Repository.root.appending(path: link).path), "\(link)")
        }
    }

    @Test("every plugin that ships has a page, and is in the list of them")
    func plugins() throws {
        let list = try Repository.file("Plugins/README.md").text
        for plugin in try Repository.names(in: "Plugins") where !["README.md", "lines", "plugin.map"].contains(plugin) {
            #expect(list.contains("[\(plugin)](\(plugin)/README.md)"), "\(plugin)")
            let page = try Repository.file("Plugins/\(plugin)/README.md").text
            #expect(page.hasPrefix("# \(plugin)\n"))
        }
    }
}
