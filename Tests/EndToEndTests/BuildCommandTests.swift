import Glibc
import TestSupport
import Testing

@Suite("sluice build", .onTestThreads)
struct BuildCommandTests {
    private let workshop = Workshop()

    @Test("a file in C becomes a plugin that exports its entry, and nothing else")
    func c() throws {
        workshop.write(Workshop.c(saying: "hello"), to: "talker.c")
        let built = try workshop.sluice("build", "talker.c")
        #expect(built.status == 0 && built.output == "built talker.so\n", "\(built.output)")
        #expect(try workshop.exports(of: "talker.so") == ["sluice_plugin_entry"])
        #expect(try workshop.names() == ["talker.c", "talker.so"])
        let dynamic = try workshop.run("readelf", "-dW", "talker.so").output
        #expect(dynamic.contains("NODELETE") && dynamic.contains("NOW"))
        #expect(try workshop.sluice("inspect", "talker.so").output.contains("GET /talker"))
    }

    @Test("files in Swift become one that uses the server's own Swift")
    func swift() throws {
        workshop.write(Workshop.swift(saying: "hello"), to: "Talker.swift")
        mkdir(workshop.path("two"), 0o755)
        try #require(workshop.run("mv", "Talker.swift", "two/").status == 0)
        workshop.write("func unused() -> Int { 1 }\n", to: "two/Other.swift")
        let built = try workshop.sluice("build", "two", "-o", "./")
        #expect(built.status == 0 && built.output.hasSuffix("built ./two.so\n"), "\(built.output)")
        #expect(try workshop.exports(of: "two.so") == ["sluice_plugin_entry"])
        let dynamic = try workshop.run("readelf", "-dW", "two.so").output
        #expect(dynamic.contains("NODELETE") && dynamic.contains("NOW"))
        #expect(!dynamic.contains("RUNPATH") && !dynamic.contains("RPATH"))
        #expect(try workshop.sluice("inspect", "two.so").output.contains("GET /talker"))
    }

    @Test(
        "errors are passed on with their lines, and leave what was built before as it was", arguments: ["c", "swift"])
    func errors(language: String) throws {
        let file = "talker.\(language)"
        workshop.write("this is no code\n", to: file)
        workshop.write("what was there", to: "talker.so")
        let failed = try workshop.sluice("build", file)
        #expect(failed.status == 1)
        #expect(failed.output.contains("talker.\(language):1:"), "\(failed.output)")
        #expect(failed.output.contains("error:"))
        #expect(failed.output.contains("sluice: \(file): not built; the compiler's errors are above\n"))
        #expect(try workshop.names().sorted() == [file, "talker.so"].sorted())
        #expect(readFile(workshop.path("talker.so")) == Array("what was there".utf8))
    }

    @Test("warnings are passed on; flags come from the environment, libraries from -l")
    func warningsAndFlags() throws {
        workshop.write("#include <zlib_of_nobody.h>\nstatic int unused;\n" + Workshop.c(saying: "x"), to: "talker.c")
        workshop.write("#define SEEN 1\n", to: "zlib_of_nobody.h")
        #expect(try workshop.sluice("build", "talker.c").status == 1)
        let built = try workshop.sluice("build", "talker.c", "--debug", "-lm", environment: ["CFLAGS": "-I. -g0"])
        #expect(built.status == 0, "\(built.output)")
        #expect(built.output.contains("talker.c:2:") && built.output.contains("warning:"), "\(built.output)")
        let unknown = try workshop.sluice("build", "talker.c", "-lno-such-library", environment: ["CFLAGS": "-I."])
        #expect(unknown.status == 1 && unknown.output.contains("no-such-library"))
    }

    @Test("a symbol that nobody defines is found when it is built, not when it is loaded")
    func undefined() throws {
        workshop.write(
            "void missing(void);\n__attribute__((constructor)) static void f(void) { missing(); }\n"
                + Workshop.c(saying: "x"),
            to: "talker.c")
        let failed = try workshop.sluice("build", "talker.c")
        #expect(failed.status == 1 && failed.output.contains("missing"), "\(failed.output)")
        #expect(try workshop.names() == ["talker.c"])
    }

    @Test(
        "without a compiler: says which is missing, and how to get it",
        arguments: [("c", "gcc"), ("swift", "swift.org")])
    func noCompiler(language: String, remedy: String) throws {
        workshop.write("", to: "a.\(language)")
        let failed = try workshop.sluice("build", "a.\(language)", environment: ["PATH": "/nowhere"])
        #expect(failed.status == 1)
        #expect(failed.output.contains("PATH") && failed.output.contains(remedy), "\(failed.output)")
        #expect(failed.output.split(separator: "\n").count == 1)
    }

    @Test("what cannot be built: one line, and the status says whose fault it is")
    func mistakes() throws {
        workshop.write("", to: "a.c")
        workshop.write("", to: "b.swift")
        for (words, status, text) in [
            ([], 2, "file"), (["a.c", "b.swift"], 2, "one language"), (["."], 2, "one language"), (["a.o"], 1, "a.o"),
            (["a.c", "-o", "no/such/a.so"], 1, "no/such/a.so can't be written"), (["a.c", "--fast"], 2, "--fast"),
        ] as [([String], Int32, String)] {
            let program = try ChildProgram.run(workshop.words(["build"] + words))
            #expect(program.status == status, "\(words): \(program.output)")
            #expect(
                program.output.contains(text) && program.output.hasPrefix("sluice: "), "\(words): \(program.output)")
            #expect(program.output.split(separator: "\n").count == 1, "\(words): \(program.output)")
        }
    }

    @Test("the compiler writes a hidden file beside the plugin, which is renamed when it is complete")
    func renamed() throws {
        workshop.write("", to: "a.c")
        try workshop.directory.write(
            program: #"""
                #!/bin/sh
                case "$*" in *-MF*)
                    while [ "$1" != -MF ]; do shift; done
                    echo "sources: a.c" > "$2"
                    exit
                esac
                while [ "$1" != -o ]; do shift; done
                ls -A . > seen; echo "$2" > name; echo new > "$2"
                """#.utf8, to: "cc")
        workshop.write("old", to: "a.so")
        let built = try workshop.sluice("build", "a.c", environment: ["CC": "./cc"])
        #expect(built.status == 0, "\(built.output)")
        let name = String(decoding: readFile(workshop.path("name")) ?? [], as: UTF8.self)
        #expect(name.hasPrefix(".a.so.") && !name.hasSuffix(".so\n"), "\(name)")
        #expect(try workshop.names() == ["a.c", "a.so", "cc", "name", "seen"])
        #expect(readFile(workshop.path("a.so")) == Array("new\n".utf8))
    }

    @Test("a compiler that does not say what it reads is no use where others could change that")
    func silentCompiler() throws {
        workshop.write("", to: "a.c")
        try workshop.directory.write(
            program: #"""
                #!/bin/sh
                case "$*" in *-MF*) exit 5; esac
                while [ "$1" != -o ]; do shift; done
                echo new > "$2"
                """#.utf8, to: "cc")
        let refused = try workshop.sluice("build", "a.c", environment: ["CC": "./cc"])
        #expect(
            refused.status == 1
                && refused.output.contains(
                    "a.c: the compiler does not list the files that it reads (-M fails with status 5)")
        )
        #expect(try workshop.names() == ["a.c", "cc"])
        let built = try workshop.sluice("build", "a.c", "--insecure-plugins", environment: ["CC": "./cc"])
        #expect(built.status == 0, "\(built.output)")
    }

    @Test("a signal ends the compiler, too, and no temporary file is left", arguments: [SIGINT, SIGTERM, SIGHUP])
    func interrupted(signal: Int32) throws {
        workshop.write("", to: "a.c")
        mkdir(workshop.path("temporary"), 0o755)
        let slow = try Workshop.SlowCompiler(in: workshop)
        for (index, verb) in ["build", "run"].enumerated() {
            let program = try RunningProgram(
                workshop.words([verb, "a.c"], environment: ["CC": slow.path, "TMPDIR": workshop.path("temporary")]))
            let compiler = try slow.waitForStart(index + 1)
            program.signal(signal)
            #expect(program.waitForExit(.seconds(20)) == .status(1))
            #expect(program.errors.waitForEnd(.seconds(10)))
            #expect(program.errors.lines.last?.description == "sluice: interrupted; nothing was built")
            #expect(kill(compiler, 0) != 0)
            #expect(try workshop.run("ls", "-A", "temporary").output.isEmpty)
        }
        #expect(try workshop.names() == ["a.c", "mark", "slow", "temporary"])
    }

    @Test("two at once, with nothing kept yet, both succeed and keep one library")
    func together() throws {
        workshop.write(Workshop.swift(saying: "one"), to: "One.swift")
        workshop.write(Workshop.swift(saying: "two"), to: "Two.swift")
        let command = "\(BuiltProducts.sluice) build One.swift & \(BuiltProducts.sluice) build Two.swift && wait $!"
        let built = try workshop.run("env", "XDG_CACHE_HOME=\(workshop.path("cache"))", "sh", "-c", command)
        #expect(built.status == 0 && built.output.contains("built Two.so"), "\(built.output)")
        #expect(built.output.contains("sluice: compiling the Swift library first, once for this compiler"))
        #expect(try workshop.names() == ["One.so", "One.swift", "Two.so", "Two.swift", "cache"])
        let kept = try workshop.run("ls", "-A", "cache/sluice").output.split(separator: "\n")
        #expect(kept.count == 2 && kept.last == "headers", "\(kept)")
        #expect(try workshop.sluice("inspect", "One.so").status == 0)
    }

    @Test("an installed command finds its files in share/sluice, and says where it looked")
    func installed() throws {
        for folder in ["bin", "share", "share/sluice"] { mkdir(workshop.path(folder), 0o755) }
        let command = workshop.path("bin/sluice")
        for file in ["", "-server"] where link(BuiltProducts.sluice + file, command + file) != 0 {
            try #require(workshop.run("cp", BuiltProducts.sluice + file, command + file).status == 0)
        }
        workshop.write(Workshop.c(saying: "hello"), to: "talker.c")
        let absent = try workshop.sluice("build", "talker.c", sluice: command)
        #expect(absent.status == 1 && absent.output.contains("share/sluice"), "\(absent.output)")
        try #require(
            workshop.run(
                "cp", "-r", "\(repositoryRoot)/include", "\(repositoryRoot)/Sources/Sluice",
                workshop.path("share/sluice")
            ).status == 0)
        let built = try workshop.sluice("build", "talker.c", sluice: command)
        #expect(built.status == 0, "\(built.output)")
    }
}
