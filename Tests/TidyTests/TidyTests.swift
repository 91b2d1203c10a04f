import Foundation
import Testing

/// The project's conventions, as far as a test can check them.
@Suite("The tree")
struct TidyTests {
    @Test("the top level contains the expected files, and no others")
    func topLevel() throws {
        let known: Set = [
            "CHANGELOG.md", "LICENSE", "Package.swift", "Plugins", "README.md", "Sources", "Tests", "include",
        ]
        // Written by the package manager, and ignored by git.
        let names = Set(try Repository.names(in: ".")).subtracting(["Package.resolved"])
        #expect(names == known)
    }

    @Test("no file is too long to read in one sitting")
    func lengths() throws {
        let files =
            try Repository.files(in: "Sources", ".swift", ".h", ".c")
            + Repository.files(in: "Tests", ".swift", ".h", ".c")
            + Repository.files(in: "Plugins", ".swift", ".h", ".c") + Repository.files(in: "include", ".h")
        #expect(files.count > 50)
        for file in files { #expect(file.lines.count <= 400, "\(file.path): look for the second noun in it") }
    }

    @Test("plugins are loaded in one place")
    func loading() throws {
        for file in try Repository.files(in: "Sources", ".swift", ".h")
        where !file.path.hasPrefix("Sources/PluginHost/") && file.mentions("dlopen", "dlmopen", "dlsym", "dlclose") {
            let lines = file.lines.filter { $0.contains(/\bdl(m?open|sym|close)\s*\(/) }
            #expect(lines.isEmpty, "\(file.path): only PluginHost may load code")
        }
    }

    /// The memory of libffi's closures can be shared with a forked child process; after exec, it is gone.
    @Test("nothing forks without exec, because C functions can be created for plugins")
    func forking() throws {
        let files =
            try Repository.files(in: "Sources", ".swift", ".h") + Repository.files(in: "Plugins", ".swift", ".h", ".c")
        for file in files where file.mentions("fork", "clone", "_Fork") {
            let lines = file.lines.filter { $0.contains(/\b(v?fork|clone3?|_Fork)\s*\(/) }
            #expect(lines.isEmpty, "\(file.path): use posix_spawn")
        }
    }

    @Test("types have specific names")
    func typeNames() throws {
        let declaration = /\b(?:struct|class|enum|actor|protocol|typealias)\s+([A-Z]\w*)/
        let vague: Set = [
            "Manager", "Helper", "Helpers", "Util", "Utils", "Context", "Data", "Bundle", "Cleanup", "Daemon",
            "Dispose",
            "Endpoint", "Engine", "Generator", "Listener", "Module", "Packet", "Ping", "Provider", "Session",
        ]
        var count = 0
        for file in try Repository.files(in: "Sources", ".swift") {
            for line in file.lines where !line.drop(while: \.isWhitespace).hasPrefix("//") {
                for match in line.matches(of: declaration) {
                    count += 1
                    let words = Set(
                        match.output.1.matches(of: /[A-Z]+(?![a-z])|[A-Z][a-z0-9]*/).map { String($0.output) })
                    #expect(words.isDisjoint(with: vague), "\(file.path): \(match.output.1)")
                }
            }
        }
        #expect(count > 50)
    }

    @Test("every fixture is used by a test")
    func fixtures() throws {
        let fixtures = try Repository.names(in: "Tests/Fixtures").filter { !$0.contains(".") }
        #expect(!fixtures.isEmpty)
        let tests = try Repository.files(in: "Tests", "Tests.swift").filter { !$0.path.hasPrefix("Tests/TidyTests/") }
        for fixture in fixtures {
            #expect(tests.contains { $0.text.contains("\"\(fixture)\"") }, "\(fixture) is named in no test")
        }
    }

    @Test("nothing is left to be done later")
    func leftovers() throws {
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
        let files =
            try Repository.files(in: "Sources", ".swift", ".h") + Repository.files(in: "Tests", ".swift", ".c", ".py")
            + Repository.files(in: "Plugins", ".swift", ".c", ".md")
        for file in files {
            for mark in marks { #expect(!file.text.contains(mark), "\(file.path) contains \(mark)") }
        }
    }

    @Test("the change log has the form of Keep a Changelog")
    func changeLog() throws {
        let log = try Repository.file("CHANGELOG.md").text
        #expect(log.hasPrefix("# Changelog\n"))
        let sections = log.matches(of: /(?m)^## (.*)$/).map { String($0.output.1) }
        #expect(sections.first == "[Unreleased]")
        for section in sections.dropFirst() {
            #expect(section.wholeMatch(of: /\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}/) != nil, "\(section)")
        }
        let kinds = Set(log.matches(of: /(?m)^### (.*)$/).map { String($0.output.1) })
        #expect(kinds.isSubset(of: ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]))
    }
}
