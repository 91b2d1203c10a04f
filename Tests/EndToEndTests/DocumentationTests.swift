import Glibc
import Settings
import TestSupport
import Testing

@Suite("The documentation", .onTestThreads)
struct DocumentationTests {
    private static let catalogue = "\(repositoryRoot)/Sources/Sluice/Sluice.docc"
    /// For authors of plugins: each shows code in Swift.
    private static let pages = [
        "FirstProducer", "FromNestJS", "Parameters", "Reloading", "SharedStreams", "Sluice", "TheGuarantee",
        "WrappingC",
    ]
    /// For operators of servers: each shows configuration.
    private static let operatorPages = ["WhoMayConnect"]

    @Test("is complete")
    func complete() throws {
        let names = try ChildProgram.run(["ls", Self.catalogue]).output.split(separator: "\n").map(String.init)
        #expect(names == (Self.pages + Self.operatorPages).sorted().map { $0 + ".md" })
    }

    /// The code blocks of a language on a page.
    private func snippets(_ language: String, on page: String) throws -> [String] {
        let text = String(decoding: try #require(readFile("\(Self.catalogue)/\(page).md")), as: UTF8.self)
        var blocks: [String] = []
        var block: [Substring]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```", let lines = block {
                blocks.append(lines.joined(separator: "\n") + "\n")
                block = nil
            } else if line == "```" + language {
                block = []
            } else {
                block?.append(line)
            }
        }
        return blocks
    }

    @Test("shows code that compiles without a warning", arguments: pages)
    func snippets(page: String) throws {
        let directory = TemporaryDirectory()
        let swift = try snippets("swift", on: page)
        #expect(!swift.isEmpty)
        for (number, code) in swift.enumerated() {
            let file = directory.write(code.utf8, to: "snippet\(number).swift")
            let compiler = try ChildProgram.run([
                "swiftc", "-typecheck", "-parse-as-library", "-swift-version", "6", "-warnings-as-errors",
                "-I", BuiltProducts.modules, "-I", "\(repositoryRoot)/include", file,
            ])
            #expect(compiler.status == 0, "\(page): \(compiler.output)")
        }
        for (number, code) in try snippets("c", on: page).enumerated() {
            let file = directory.write(code.utf8, to: "snippet\(number).c")
            let compiler = try ChildProgram.run([
                "cc", "-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-I",
                "\(repositoryRoot)/include", file,
            ])
            #expect(compiler.status == 0, "\(page): \(compiler.output)")
        }
    }

    @Test("shows configuration that a server accepts", arguments: operatorPages)
    func configuration(page: String) throws {
        let blocks = try snippets("yaml", on: page)
        #expect(!blocks.isEmpty)
        for text in blocks {
            #expect(throws: Never.self, "\(page): \(text)") {
                try Settings(
                    SettingSources(
                        flags: [:], environment: [:], file: ConfigurationFile(parsing: text, path: "\(page).md")))
            }
        }
    }

    @Test("is built into a site without a warning")
    func site() throws {
        let directory = TemporaryDirectory()
        let graphs = "\(directory.path)/graphs"
        mkdir(graphs, 0o700)
        let sources = try ChildProgram.run(["sh", "-c", "ls \(repositoryRoot)/Sources/Sluice/*.swift"]).output
        let compiler = try ChildProgram.run(
            [
                "swiftc", "-parse-as-library", "-swift-version", "6", "-module-name", "Sluice", "-emit-module",
                "-emit-module-path", "\(directory.path)/Sluice.swiftmodule", "-emit-symbol-graph",
                "-emit-symbol-graph-dir", graphs, "-I", "\(repositoryRoot)/include",
            ] + sources.split(separator: "\n").map(String.init))
        #expect(compiler.status == 0, "\(compiler.output)")
        let docc = try ChildProgram.run([
            "docc", "convert", Self.catalogue, "--fallback-display-name", "Sluice", "--fallback-bundle-identifier",
            "sluice", "--additional-symbol-graph-dir", graphs, "--output-path", "\(directory.path)/site",
            "--warnings-as-errors",
        ])
        #expect(docc.status == 0, "\(docc.output)")
        #expect(readFile("\(directory.path)/site/data/documentation/sluice/firstproducer.json") != nil)
    }
}
