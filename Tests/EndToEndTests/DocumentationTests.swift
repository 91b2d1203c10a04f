import Glibc
import Settings
import TestSupport
import Testing

@Suite("The documentation", .onTestThreads)
struct DocumentationTests {
    /// For those who write producers.
    private static let pages = [
        "FirstProducer", "FromNestJS", "Parameters", "Reloading", "SharedStreams", "Sluice", "TheGuarantee",
        "WrappingC",
    ]
    /// For those who operate a server; `ProxyRecipeTests` run what is on the first one.
    private static let operatorPages = ["BehindAProxy", "RunningAsAService", "Tokens", "WhoMayConnect"]

    @Test("is complete")
    func complete() throws {
        let names = try ChildProgram.run(["ls", CataloguePage.catalogue]).output.split(separator: "\n").map(String.init)
        #expect(names == (Self.pages + Self.operatorPages).sorted().map { $0 + ".md" })
    }

    @Test("shows code that compiles without a warning", arguments: pages)
    func snippets(page: String) throws {
        let directory = TemporaryDirectory()
        let text = try CataloguePage(page)
        let swift = text.snippets("swift")
        #expect(!swift.isEmpty)
        for (number, code) in swift.enumerated() {
            let file = directory.write(code.utf8, to: "snippet\(number).swift")
            let compiler = try ChildProgram.run([
                "swiftc", "-typecheck", "-parse-as-library", "-swift-version", "6", "-warnings-as-errors",
                "-I", BuiltProducts.modules, "-I", "\(repositoryRoot)/include", file,
            ])
            #expect(compiler.status == 0, "\(page): \(compiler.output)")
        }
        for (number, code) in text.snippets("c").enumerated() {
            let file = directory.write(code.utf8, to: "snippet\(number).c")
            let compiler = try ChildProgram.run([
                "cc", "-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-I",
                "\(repositoryRoot)/include", file,
            ])
            #expect(compiler.status == 0, "\(page): \(compiler.output)")
        }
    }

    @Test("shows configuration that a server accepts", arguments: ["Tokens", "WhoMayConnect"])
    func configuration(page: String) throws {
        let blocks = try CataloguePage(page).snippets("yaml")
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
            "docc", "convert", CataloguePage.catalogue, "--fallback-display-name", "Sluice",
            "--fallback-bundle-identifier", "sluice", "--additional-symbol-graph-dir", graphs, "--output-path",
            "\(directory.path)/site",
            "--warnings-as-errors",
        ])
        #expect(docc.status == 0, "\(docc.output)")
        #expect(readFile("\(directory.path)/site/data/documentation/sluice/firstproducer.json") != nil)
    }
}
