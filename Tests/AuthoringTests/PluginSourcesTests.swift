import CommandOutput
import Glibc
import TestSupport
import Testing

@testable import Authoring

@Suite("A plugin's source files")
struct PluginSourcesTests {
    private let directory = TemporaryDirectory()

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    @Test("a file: its suffix determines the language, its name is the plugin's")
    func file() throws {
        directory.write([], to: "hello.c")
        let sources = try PluginSources([path("hello.c")])
        #expect(sources.language == .c && sources.name == "hello" && sources.files == [path("hello.c")])
    }

    @Test("a folder: all of its sources except hidden ones and a package's manifest")
    func folder() throws {
        for name in ["b.swift", "a.swift", ".c.swift", "Package.swift", "Package@swift-6.2.swift", "README.md"] {
            directory.write([], to: name)
        }
        let sources = try PluginSources([directory.path + "/"])
        #expect(sources.files == [path("a.swift"), path("b.swift")])
        #expect(sources.language == .swift)
        #expect(sources.name == directory.path.split(separator: "/").last.map(String.init))
    }

    @Test("invalid arguments are refused in one line")
    func refused() throws {
        directory.write([], to: "a.c")
        directory.write([], to: "b.swift")
        directory.write([], to: "c.cpp")
        mkdir(path("empty"), 0o755)
        func error(_ names: String...) -> String {
            do {
                _ = try PluginSources(names.map(path))
                return "none"
            } catch {
                return "\(error)"
            }
        }
        #expect(error("missing.c").contains("missing.c: it can't be opened (No such file"))
        #expect(error("c.cpp").contains("c.cpp: sluice build compiles .c and .swift files"))
        #expect(error("empty").contains("empty: it contains no .c or .swift file"))
        #expect(error("a.c", "b.swift").contains("a plugin is written in one language"))
        #expect(error(".").contains("a plugin is written in one language"))
        #expect(error("a.c", "empty").contains("empty is a directory"))
    }

    @Test("the path of the compiled plugin")
    func output() throws {
        let sources = try PluginSources(files: ["hello.c"], name: "hello")
        #expect(sources.outputPath(nil) == "hello.so")
        #expect(sources.outputPath("x/y.so") == "x/y.so")
        #expect(sources.outputPath("x/") == "x/hello.so")
        #expect(sources.outputPath(directory.path) == "\(directory.path)/hello.so")
    }
}

@Suite("The files to compile plugins with")
struct AuthoringFilesTests {
    private let directory = TemporaryDirectory()

    private func make(_ files: String...) {
        for file in files {
            var folder = directory.path
            for part in file.split(separator: "/").dropLast() {
                folder += "/\(part)"
                mkdir(folder, 0o755)
            }
            directory.write([], to: file)
        }
    }

    @Test("are found in the tree that the executable was built in")
    func tree() throws {
        make(
            "Package.swift", "include/sluice.h", "include/module.modulemap", "Sources/Sluice/Export.swift",
            ".build/debug/sluice")
        let files = try AuthoringFiles(executable: "\(directory.path)/.build/debug/sluice")
        #expect(files.include == "\(directory.path)/include")
        #expect(files.library == "\(directory.path)/Sources/Sluice")
        #expect(files.package == directory.path)
    }

    @Test("are found beside an installed executable")
    func installed() throws {
        make(
            "bin/sluice", "share/sluice/include/sluice.h", "share/sluice/include/module.modulemap",
            "share/sluice/Sluice/Export.swift")
        let files = try AuthoringFiles(executable: "\(directory.path)/bin/sluice")
        #expect(files.include == "\(directory.path)/share/sluice/include")
        #expect(files.library == "\(directory.path)/share/sluice/Sluice")
        #expect(files.package == nil)
    }

    @Test("are missing: the message names the places that were searched")
    func absent() throws {
        make("bin/sluice", "share/sluice/include/sluice.h")
        do {
            _ = try AuthoringFiles(executable: "\(directory.path)/bin/sluice")
            Issue.record("found")
        } catch {
            #expect(error.description.contains("\(directory.path)/share/sluice"))
            #expect(error.description.contains("\(directory.path)/bin"))
        }
    }
}

@Suite("Compilers")
struct ToolchainTests {
    private let directory = TemporaryDirectory()

    @Test("are found on the PATH, or named with their own arguments")
    func found() throws {
        let gcc = directory.write([], to: "gcc", mode: 0o755)
        let swiftc = directory.write([], to: "swiftc", mode: 0o755)
        directory.write([], to: "cc")  // not executable
        #expect(try Toolchain(environment: ["PATH": "/nowhere:\(directory.path)"]).cCompiler() == [gcc])
        #expect(try Toolchain(environment: ["PATH": directory.path]).swiftCompiler() == [swiftc])
        #expect(try Toolchain(environment: ["PATH": directory.path, "CC": "gcc -m64"]).cCompiler() == [gcc, "-m64"])
        #expect(try Toolchain(environment: ["CC": gcc]).cCompiler() == [gcc])
    }

    @Test("are missing: the message says which, and what to do")
    func missing() {
        let toolchain = Toolchain(environment: ["PATH": directory.path])
        #expect(
            throws: CommandFailure(
                "no C compiler: neither cc, gcc nor clang is on the PATH; install one (apt-get install gcc, dnf install gcc), or name "
                    + "it in CC")
        ) { try toolchain.cCompiler() }
        #expect(
            throws: CommandFailure(
                "no Swift compiler: swiftc is not on the PATH; install Swift 6.3 or later (https://www.swift.org/install), or name its "
                    + "swiftc in SWIFTC")
        ) { try toolchain.swiftCompiler() }
        #expect(throws: CommandFailure("CC names 'tcc', which does not exist; correct it, or unset CC")) {
            try Toolchain(environment: ["PATH": directory.path, "CC": "tcc"]).cCompiler()
        }
    }

    @Test("the compiled library is stored in the user's cache folder")
    func cache() throws {
        #expect(try SwiftLibrary.cacheFolder(environment: ["XDG_CACHE_HOME": "/c", "HOME": "/h"]) == "/c/sluice")
        #expect(
            try SwiftLibrary.cacheFolder(environment: ["XDG_CACHE_HOME": "relative", "HOME": "/h"])
                == "/h/.cache/sluice")
        #expect(throws: CommandFailure("no directory to cache the compiled library in: set HOME or XDG_CACHE_HOME")) {
            try SwiftLibrary.cacheFolder(environment: [:])
        }
    }
}
