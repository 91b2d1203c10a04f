import Glibc
import TestSupport
import Testing

@Suite("sluice dev", .onTestThreads)
struct DevCommandTests {
    private let workshop = Workshop()

    private func start(_ sources: [String: String], environment: [String: String] = [:]) throws -> DevServer {
        mkdir(workshop.path("plugins"), 0o755)
        for (name, text) in sources { workshop.write(text, to: "plugins/\(name)") }
        return try DevServer(workshop, environment: environment)
    }

    @Test(
        "what is saved is built and taken up; what does not compile is told, with its lines, while the old code goes on",
        arguments: ["c", "swift"])
    func edit(language: String) throws {
        let file = "talker.\(language)"
        func source(_ text: String) -> String {
            language == "c" ? Workshop.c(saying: text) : Workshop.swift(saying: text)
        }
        let server = try start([file: source("one")])
        try server.waitForOutput("\(file): built in ")
        // What takes some seconds is announced.
        #expect(server.program.output.lines.contains("\(file): building …") == (language == "swift"))
        let old = try server.subscribe("/talker")
        #expect(try old.nextText() == "one")

        server.save("\n\nthis is no code\n", to: file)
        let failure = try old.nextBuild()
        #expect(failure.file == file && !failure.ok && failure.text.contains("\(file):3:"), "\(failure)")
        try server.waitForError("\(file):3:")
        try server.waitForError("\(file): not built")
        for _ in 0..<3 { #expect(try old.nextText() == "one") }

        let saved = ContinuousClock.now
        server.save(source("two"), to: file)
        #expect(try old.nextBuild() == DevServer.Build(TestEvent(file, isBuilt: true)))
        // Its stream ends, as it can't be moved; a browser comes back by itself.
        _ = try old.rest()
        let new = try server.subscribe("/talker")
        #expect(try new.nextText() == "two")
        print("from saving \(file) to new events: \(ContinuousClock.now - saved)")
        #expect(try server.interrupt() == .status(0))
        #expect(try workshop.run("ls", "-A", "plugins").output == "\(file)\n")
    }

    @Test("sources come and go; a folder is one plugin; headers count; a compiled plugin beside its source is left out")
    func folder() throws {
        let server = try start([:])
        #expect(try server.subscribe("/talker").head().status == 404)
        server.save(Workshop.c(saying: "first"), to: "talker.c")
        try server.waitForOutput("talker.c: built in ")
        #expect(try server.subscribe("/talker").nextText() == "first")

        mkdir(workshop.path("plugins/pair"), 0o755)
        workshop.write("#define TEXT \"of a header\"\n", to: "plugins/pair/text.h")
        let main = Workshop.c(saying: "TEXT", name: "pair").split(separator: "\"TEXT\"").joined(separator: "text")
        server.save("extern const char *const text;\n" + main, to: "pair/main.c")
        server.save("#include \"text.h\"\nconst char *const text = TEXT;\n", to: "pair/text.c")
        try server.waitForOutput("pair: built in ")
        let pair = try server.subscribe("/pair")
        #expect(try pair.nextText() == "of a header")
        server.save("#define TEXT \"of another\"\n", to: "pair/text.h")
        #expect(try pair.nextBuild().ok)
        #expect(try server.subscribe("/pair").nextText() == "of another")

        let seen = server.program.output.lines.count
        try #require(workshop.sluice("build", "plugins/talker.c", "-o", "plugins/").status == 0)
        server.save(Workshop.c(saying: "second"), to: "talker.c")
        try server.waitForOutput("talker.c: built in ", from: seen)
        #expect(try server.subscribe("/talker").nextText() == "second")

        unlink(workshop.path("plugins/talker.c"))
        // From now on the compiled one stands alone.
        try server.waitForLog("plugin loaded", ["file": "plugins/talker.so"])
        try server.waitForLog("reloaded", ["loaded": "1", "removed": "1"])
        #expect(try server.subscribe("/talker").nextText() == "first")
        #expect(try server.interrupt() == .status(0))
    }

    @Test("a plugin that is built but cannot be loaded is told as one that is not built")
    func refused() throws {
        let server = try start(["talker.c": Workshop.c(saying: "one")])
        let old = try server.subscribe("/talker")
        #expect(try old.nextText() == "one")
        server.save(Workshop.c(saying: "two", name: "Bad Name"), to: "talker.c")
        let failure = try old.nextBuild()
        #expect(!failure.ok && failure.text.contains("talker.c: ") && failure.text.contains("Bad Name"), "\(failure)")
        #expect(try old.nextText() == "one")
        #expect(try server.interrupt() == .status(0))
    }

    @Test("ends at once while a compiler runs, and leaves no file")
    func endsWhileBuilding() throws {
        let slow = try Workshop.SlowCompiler(in: workshop)
        let server = try start([:], environment: ["CC": slow.path])
        server.save(Workshop.c(saying: "one"), to: "talker.c")
        _ = try slow.waitForStart()
        #expect(try server.interrupt() == .status(0))
        #expect(try workshop.run("ls", "-A", "plugins").output == "talker.c\n")
    }

    @Test("a signal during the first build ends that, too")
    func endsBeforeServing() throws {
        let slow = try Workshop.SlowCompiler(in: workshop)
        for folder in ["plugins", "temporary"] { mkdir(workshop.path(folder), 0o755) }
        for name in ["one.c", "two.c"] { workshop.write(Workshop.c(saying: "one"), to: "plugins/\(name)") }
        let program = try RunningProgram(
            workshop.words(
                ["dev", "plugins", "--listen", "127.0.0.1:0"],
                environment: ["CC": slow.path, "TMPDIR": workshop.path("temporary")]))
        _ = try slow.waitForStart()
        program.signal(SIGINT)
        #expect(program.waitForExit(.seconds(20)) == .status(0))
        #expect(try workshop.run("ls", "-A", "temporary").output.isEmpty)
    }

    @Test("without a compiler it says so, and goes on")
    func noCompiler() throws {
        let server = try start(["talker.c": Workshop.c(saying: "one")], environment: ["CC": "no-such-cc"])
        try server.waitForError("CC names 'no-such-cc', which does not exist")
        #expect(try server.interrupt() == .status(0))
    }

    @Test("the page beside the sources is served at the root")
    func page() throws {
        let server = try start(["index.html": "<p>hello"])
        let client = try RawClient(port: server.port)
        try client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let response = try client.readResponse()
        #expect(response.status == 200 && response.body == "<p>hello")
        #expect(try server.interrupt() == .status(0))
    }

    @Test("a directory that is not there: one line, status 1")
    func missing() throws {
        let program = try workshop.sluice("dev", "no/such", "--listen", "127.0.0.1:0")
        #expect(program.status == 1 && program.output.contains("no/such"), "\(program.output)")
        #expect(try workshop.sluice("dev").status == 2)
    }
}

extension TestEvent {
    /// What tells of a build without warnings.
    fileprivate init(_ file: String, isBuilt: Bool) {
        self.init(frame: "event: sluice-build\ndata: {\"file\":\"\(file)\",\"ok\":\(isBuilt),\"text\":\"\"}")
    }
}
