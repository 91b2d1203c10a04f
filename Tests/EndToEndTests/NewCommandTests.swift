import Glibc
import TestSupport
import Testing

@Suite("sluice new", .onTestThreads)
struct NewCommandTests {
    private let workshop = Workshop()

    @Test("a producer that builds as it is, and says hello", arguments: ["c", "swift"])
    func works(language: String) throws {
        let made = try workshop.sluice("new", "my-ticker", "--lang", language)
        #expect(made.status == 0, "\(made.output)")
        let built = try workshop.sluice("build", "my-ticker")
        #expect(built.status == 0 && built.output.hasSuffix("built my-ticker.so\n"), "\(built.output)")
        let run = try workshop.sluice("run", "my-ticker.so", "interval=0.01", "--max-events", "2")
        #expect(run.status == 0, "\(run.output)")
        #expect(run.output.contains("data: {\"hello\":\"world\"}\n\n"), "\(run.output)")
        #expect(try workshop.sluice("run", "my-ticker", "interval=0.01", "--max-events", "1").status == 0)
        #expect(try workshop.sluice("run", "my-ticker.so", "interval=0").status == 1)
    }

    @Test("the one in C builds with its three lines of make")
    func make() throws {
        #expect(try workshop.sluice("new", "ticker", "--lang", "c").status == 0)
        let made = try workshop.run("make", "-C", "ticker")
        #expect(made.status == 0 && !made.output.contains("warning"), "\(made.output)")
        #expect(try workshop.exports(of: "ticker/ticker.so") == ["sluice_plugin_entry"])
        #expect(try workshop.run("cat", "ticker/Makefile").output.split(separator: "\n").count == 3)
    }

    @Test("the one in Swift builds with the package manager")
    func package() throws {
        #expect(try workshop.sluice("new", "ticker", "--lang", "swift").status == 0)
        let built = try workshop.run("swift", "build", "--package-path", "ticker")
        #expect(built.status == 0, "\(built.output)")
        let run = try workshop.sluice("run", "ticker/.build/debug/libticker.so", "interval=0.01", "--max-events", "1")
        #expect(run.status == 0, "\(run.output)")
    }

    @Test("nothing is overwritten, and what is no name makes nothing")
    func refused() throws {
        mkdir(workshop.path("taken"), 0o755)
        workshop.write("mine", to: "file")
        for (words, status, text) in [
            (["taken", "--lang", "c"], 1, "taken already exists"),
            (["file", "--lang", "c"], 1, "file already exists"),
            (["Big", "--lang", "c"], 2, "lower-case"), (["../up", "--lang", "c"], 2, "can't be the name"),
            (["a", "--lang", "rust"], 2, "expected c or swift"), (["a"], 2, "--lang"),
            (["a", "--lang", "c", "--dir", "no/such"], 1, "no/such/a can't be created"),
        ] as [([String], Int32, String)] {
            let program = try ChildProgram.run(workshop.words(["new"] + words))
            #expect(program.status == status, "\(words): \(program.output)")
            #expect(program.output.contains(text), "\(words): \(program.output)")
        }
        #expect(try workshop.names() == ["file", "taken"])
        #expect(try workshop.run("ls", "-A", "taken").output.isEmpty)
    }
}
