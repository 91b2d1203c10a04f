import Glibc
import TestSupport
import Testing

/// `WriteAccessTests` has the rule; here is who follows it.
@Suite("What others could change", .onTestThreads)
struct ForeignWriterTests {
    private let workshop = Workshop()

    @Test("is refused by every verb that takes code, and taken where one insists", arguments: ["build", "run"])
    func sources(verb: String) throws {
        mkdir(workshop.path("open"), 0o755)
        workshop.write(Workshop.c(saying: "hello"), to: "open/talker.c")
        workshop.write("", to: "open/other.h")
        let words = verb == "build" ? ["build", "open/talker.c"] : ["run", "open/talker.c", "--max-events", "1"]
        func run(_ flags: String...) throws -> ChildProgram { try ChildProgram.run(workshop.words(words + flags)) }
        #expect(try run().status == 0)
        let places = [("open", "on the way to it, "), ("open/talker.c", ""), ("open/other.h", "")]
        for (name, _) in places {
            let path = workshop.path(name)
            chmod(path, 0o777)
            let refused = try run()
            #expect(refused.status == 1 && refused.output.contains("is writable by everyone"), "\(name): \(refused)")
            #expect(refused.output.contains("or pass --insecure-plugins"), "\(refused)")
            #expect(refused.output.split(separator: "\n").count == 1, "\(refused)")
            #expect(try run("--insecure-plugins").status == 0)
            chmod(path, 0o755)
        }
    }

    @Test("a header counts, wherever the compiler finds it")
    func headers() throws {
        for folder in ["source", "source/sub", "source/two", "out"] { mkdir(workshop.path(folder), 0o755) }
        for header in ["source/sub/y.h", "out/z.h"] { workshop.write("", to: header) }
        symlink("../../out/z.h", workshop.path("source/sub/link.h"))
        symlink("../out", workshop.path("source/linked"))
        func refusal(including header: String, widening name: String, to mode: mode_t) throws -> String? {
            workshop.write("#include \"\(header)\"\n" + Workshop.c(saying: "hello"), to: "source/talker.c")
            let path = workshop.path(name)
            let isFolder = access("\(path)/.", F_OK) == 0
            chmod(path, isFolder ? 0o755 : 0o644)
            try #require(workshop.sluice("build", "source/talker.c").status == 0)
            try #require(unlink(workshop.path("talker.so")) == 0)
            chmod(path, mode)
            defer { chmod(path, isFolder ? 0o755 : 0o644) }
            let refused = try workshop.sluice("build", "source/talker.c")
            #expect(refused.output.split(separator: "\n").count == 1, "\(refused)")
            #expect(access(workshop.path("talker.so"), F_OK) != 0, "nothing is left of it")
            return refused.status == 1 ? refused.output : nil
        }
        let sub = try refusal(including: "sub/y.h", widening: "source/sub/y.h", to: 0o666)
        #expect(sub?.contains("source/sub/y.h: it is writable by everyone; run chmod go-w ") == true, "\(sub ?? "")")
        for (header, name, mode) in [
            ("sub/y.h", "source/sub", 0o777 as mode_t), ("../out/z.h", "out/z.h", 0o666),
            ("sub/link.h", "out/z.h", 0o666),
            ("linked/z.h", "out", 0o777),
        ] {
            let text = try refusal(including: header, widening: name, to: mode)
            #expect(text?.contains("is writable by everyone") == true, "\(header): \(text ?? "")")
        }
    }

    @Test("dev: a header in a folder of the folder is not compiled until it is mended")
    func developmentHeaders() throws {
        for folder in ["plugins", "plugins/talker", "plugins/talker/sub"] { mkdir(workshop.path(folder), 0o755) }
        workshop.write("#define TEXT \"hello\"\n", to: "plugins/talker/sub/y.h")
        workshop.write(
            "#include \"sub/y.h\"\n" + Workshop.c(saying: "\" TEXT \""), to: "plugins/talker/talker.c")
        let dev = try mended("plugins/talker/sub/y.h", to: 0o644, refused: ": it is writable by everyone")
        // What the compiler has read is known now, and a change of it builds again.
        let start = dev.program.output.lines.count
        workshop.write("#define TEXT \"again\"\n", to: "plugins/talker/sub/y.h")
        try dev.waitForOutput("talker: built in", from: start)
        #expect(try dev.interrupt() == .status(0))
    }

    @Test("a plugin", arguments: ["inspect", "check", "run"])
    func plugins(verb: String) throws {
        let path = workshop.directory.write(
            try #require(readFile(fixturePlugin("Plain"))), to: "plain.so", mode: 0o775)
        let group = geteuid() == 0 ? 12345 : getgid()
        try #require(chown(path, geteuid(), group) == 0)
        // The group of a user who is no root may be that user's own.
        guard geteuid() == 0 else { return }
        let refused = try workshop.sluice(verb, "plain.so")
        #expect(refused.status == 1)
        #expect(
            refused.output.contains(
                "plain.so: it is writable by its group (12345); run chmod g-w plain.so, or pass --insecure-plugins"),
            "\(refused)")
        if verb != "check" {
            #expect(try workshop.sluice(verb, "plain.so", "--insecure-plugins").status == 0)
        }
    }

    @Test("a configuration, which cannot allow that itself")
    func configuration() throws {
        workshop.write("plugins: plugins\ninsecure-plugins: true\nlisten: 127.0.0.1:0\n", to: "sluice.yaml")
        mkdir(workshop.path("plugins"), 0o755)
        chmod(workshop.path("sluice.yaml"), 0o646)
        let line = "sluice.yaml: it is writable by everyone; run chmod o-w sluice.yaml, or pass --insecure-plugins"
        for words in [["serve"], ["dev"], ["serve", "--config", "sluice.yaml"]] {
            let refused = try ChildProgram.run(workshop.words(words))
            #expect(refused.status == 2 && refused.output.contains(line), "\(refused)")
        }
        // There is nothing to serve, and it comes to that.
        let taken = try workshop.sluice("serve", environment: ["SLUICE_INSECURE_PLUGINS": "1"])
        #expect(taken.status == 1 && taken.output.contains("it contains no plugin"), "\(taken)")
    }

    @Test("a read-only mount, as of a configuration in Kubernetes, whatever its modes say", .inMountNamespaces)
    func readOnlyMount() throws {
        // Without root, only whoever made the namespace is known in it.
        guard geteuid() == 0 else { return }
        let volume = workshop.path("volume")
        mkdir(volume, 0o777)
        mkdir("\(volume)/..v1", 0o777)
        let bytes = try #require(readFile(fixturePlugin("Plain")))
        workshop.directory.write(bytes, to: "volume/..v1/plain.so", mode: 0o777)
        symlink("..v1", "\(volume)/..data")
        symlink("..data/plain.so", "\(volume)/plain.so")
        for path in [volume, "\(volume)/..v1"] { chmod(path, 0o777) }
        let words = workshop.words(["inspect", "volume/plain.so"])
        let writable = try ChildProgram.run(words)
        #expect(writable.status == 1 && writable.output.contains("volume, on the way to it, is writable by everyone"))
        let mounted = try ChildProgram.run(
            MountNamespace.prefix(MountNamespace.remounted("ro", volume)) + words)
        #expect(mounted.status == 0 && mounted.output.contains("plain"), "\(mounted)")
    }

    @Test("dev: a folder in a folder is not compiled until it is mended")
    func development() throws {
        for folder in ["plugins", "plugins/talker"] { mkdir(workshop.path(folder), 0o755) }
        workshop.write(Workshop.c(saying: "hello"), to: "plugins/talker/talker.c")
        let dev = try mended("plugins/talker", to: 0o755, refused: ", on the way to it, is writable by everyone")
        #expect(try dev.interrupt() == .status(0))
    }

    /// Has what everybody may write to refused, and mends it: then it is built, and served.
    private func mended(_ name: String, to mode: mode_t, refused reason: String) throws -> DevServer {
        chmod(workshop.path(name), mode | 0o022)
        let dev = try DevServer(workshop)
        try dev.waitForError("\(name)\(reason); run chmod go-w ")
        chmod(workshop.path(name), mode)
        try dev.waitForOutput("talker: built in")
        #expect(try dev.subscribe("/talker").nextText() == "hello")
        return dev
    }
}
