import Files
import Glibc
import TestSupport
import Testing

@testable import Authoring

@Suite("Compilers' command lines")
struct CompilerWordsTests {
    private func c(_ choices: BuildChoices = BuildChoices(), flags: [String] = [], libraries: [String] = []) -> [String]
    {
        CompilerWords(include: "/i", choices: choices).c(
            compiler: ["ccache", "gcc"], files: ["a.c", "b.c"], versionScript: "/v", output: "o.so", flags: flags,
            libraries: libraries)
    }

    private func swift(_ choices: BuildChoices = BuildChoices()) -> [String] {
        CompilerWords(include: "/i", choices: choices, headerCache: "/h").swift(
            compiler: ["/usr/bin/swiftc"], files: ["A.swift"], module: "M", library: "/l", versionScript: "/v",
            output: "o.so",
            flags: ["-DX"], libraries: ["-lz"])
    }

    @Test("C: only the entry is exported, no symbol is undefined, and the plugin is never unmapped")
    func cFlags() {
        let words = c()
        #expect(words.starts(with: ["ccache", "gcc"]))
        for word in [
            "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-O2", "-I/i", "-Wl,--version-script=/v",
            "-Wl,-z,defs,-z,now,-z,nodelete,--as-needed", "a.c", "b.c",
        ] {
            #expect(words.contains(word), "\(word)")
        }
        #expect(words.firstIndex(of: "-o").map { words[$0 + 1] } == "o.so")
    }

    @Test("C: the author's flags come last, and libraries after the files")
    func order() throws {
        let words = c(BuildChoices(libraries: ["sqlite3"]), flags: ["-O3"], libraries: ["-lz"])
        let place = { (word: String) in try #require(words.firstIndex(of: word), "\(word)") }
        #expect(try place("-O2") < place("-O3"))
        #expect(try place("b.c") < place("-lz"))
        #expect(try place("-lz") < place("-lsqlite3"))
    }

    @Test("Swift: Swift 6, the build's own module name, and no path to a toolchain")
    func swiftFlags() {
        let words = swift()
        for word in [
            "-emit-library", "-parse-as-library", "-O", "-wmo", "-no-toolchain-stdlib-rpath", "-I/i", "-I/l", "-DX",
            "-lz",
        ] {
            #expect(words.contains(word), "\(word)")
        }
        #expect(words.firstIndex(of: "-swift-version").map { words[$0 + 1] } == "6")
        #expect(words.firstIndex(of: "-module-name").map { words[$0 + 1] } == "M")
        #expect(words.firstIndex(of: "-module-cache-path").map { words[$0 + 1] } == "/h")
        #expect(words.contains("/l/Sluice.o"))
        let linker = words.indices.filter { words[$0] == "-Xlinker" }.map { words[$0 + 1] }
        #expect(
            linker == ["-z", "defs", "-z", "now", "-z", "nodelete", "--as-needed", "--version-script=/v"])
    }

    @Test("for a debugger: no optimization")
    func debug() {
        #expect(c(BuildChoices(isDebug: true)).contains("-O0"))
        #expect(!c(BuildChoices(isDebug: true)).contains("-O2"))
        #expect(swift(BuildChoices(isDebug: true)).contains("-Onone"))
    }

    @Test("a module's name is an identifier and differs between builds")
    func moduleName() {
        #expect(CompilerWords.moduleName(for: "my-ticker.2é", build: 0xab) == "Plugin_my_ticker_2__00000000000000ab")
        #expect(
            CompilerWords.moduleName(for: "a", build: 1) != CompilerWords.moduleName(for: "a", build: 2))
    }

    @Test("files that no build has used for a month are removed")
    func pruning() {
        let cache = TemporaryDirectory()
        for name in ["old", ".left.behind", "used"] {
            mkdir("\(cache.path)/\(name)", 0o755)
            cache.write([1], to: "\(name)/Sluice.o")
        }
        let now = time(nil)
        let month: time_t = 30 * 86400
        for (name, age) in [("old", month + 60), (".left.behind", month + 60), ("used", month - 60)] {
            let times = [timeval(tv_sec: now - age, tv_usec: 0), timeval(tv_sec: now - age, tv_usec: 0)]
            #expect(utimes("\(cache.path)/\(name)", times) == 0)
        }
        SwiftLibrary.prune(cache.path, now: now)
        #expect((try? names(in: cache.path)) == ["used"])
        #expect(access("\(cache.path)/used/Sluice.o", R_OK) == 0)
    }

    @Test("the library is compiled again for another compiler, other flags or other sources, and only then")
    func cacheKey() {
        let one: [(name: String, content: [UInt8])] = [("A.swift", Array("let a = 1".utf8)), ("B.swift", [])]
        func key(
            _ sources: [(name: String, content: [UInt8])], version: String = "6.3",
            command: [String] = ["swiftc", "-O"]
        ) -> String {
            SwiftLibrary.key(version: version, command: command, sources: sources)
        }
        let keys = [
            key(one), key(one, version: "6.4"), key(one, command: ["swiftc"]), key(one, command: ["swiftc -O"]),
            key([one[0]]), key([("A.swift", Array("let a = 2".utf8)), one[1]]),
            // The same bytes, split differently.
            key([("A.swift", Array("let a = ".utf8)), ("B.swift", Array("1".utf8))]),
            key([("C.swift", one[0].content), one[1]]),
        ]
        #expect(Set(keys).count == keys.count)
        #expect(key(one) == keys[0])
    }
}
