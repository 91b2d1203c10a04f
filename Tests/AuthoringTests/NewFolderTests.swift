import TestSupport
import Testing

@testable import Authoring

@Suite("The folder of a new producer")
struct NewFolderTests {
    private func folder(_ language: PluginSources.Language) throws -> NewFolder {
        NewFolder(
            name: try ProducerName("my-ticker"), language: language,
            sluice: try AuthoringFiles(executable: "\(repositoryRoot)/.build/debug/sluice"))
    }

    @Test(
        "contains the files to build it in its language, and a page, and mentions no other producer",
        arguments: [
            (PluginSources.Language.c, ["my-ticker.c", "Makefile"]), (.swift, ["my-ticker.swift", "Package.swift"]),
        ])
    func files(language: PluginSources.Language, own: [String]) throws {
        let files = try folder(language).files
        #expect(files.map(\.name) == own + ["index.html", "README.md", ".gitignore"])
        for file in files { #expect(file.text.hasSuffix("\n") && !file.text.hasSuffix("\n\n"), "\(file.name)") }
        #expect(files[0].text.contains("\"my-ticker\""))
    }

    @Test("its page is the one of hello-swift")
    func page() {
        let shipped = readFile("\(repositoryRoot)/Plugins/hello-swift/index.html") ?? []
        #expect(String(decoding: shipped, as: UTF8.self) == NewFolder.page(title: "hello-swift", route: "/sse"))
    }

    @Test("its makefile has the same flags as sluice build")
    func makefile() throws {
        let makefile = try #require(try folder(.c).files.first { $0.name == "Makefile" }?.text)
        #expect(makefile.split(separator: "\n").count == 3)
        for flag in ["-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wl,-z,defs,-z,now,-z,nodelete"] {
            #expect(makefile.contains(flag), "\(flag)")
        }
    }
}
