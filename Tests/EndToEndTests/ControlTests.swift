import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("sluice reload and sluice status", .onTestThreads)
struct ControlTests {
    /// The parts of `sluice status --json` that these tests use.
    private struct Status: Decodable {
        struct Generation: Decodable {
            struct Holder: Decodable {
                let stream: String
                let producer: String
                let peer: String?
            }
            let plugin: String
            let generation: Int
            let state: String
            let openStreams: Int
            let subscribers: Int?
            let oldestStreamSeconds: Double?
            let imageBytes: Int
            let holders: [Holder]
        }
        struct Refusal: Decodable {
            let at: Int
            let error: String
        }
        let pid: Int
        let openStreams: Int
        let isReloading: Bool
        let reloads: Int
        let images: Int
        let imageBytes: Int
        let generations: [Generation]
        let refusals: [Refusal]
    }

    private func status(of server: SluiceServer) throws -> Status {
        let verb = try server.run("status", server.pluginDirectory, "--json")
        guard verb.status == 0 else { throw TestFailure("status \(verb.status): \(verb.error)") }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Status.self, from: Data(verb.output.utf8))
    }

    @Test("reload waits for the result, which names the changes; status shows which streams hold old code")
    func reloading() throws {
        try withServer(["TellsItsGeneration", "TicksWithIds"]) { server in
            let old = try server.subscribe("/tells-its-generation?tag=old")
            let first = try old.nextEvent().data
            let nothing = try server.run("reload", server.pluginDirectory)
            #expect(nothing.status == 0 && nothing.output == "unchanged  2", "\(nothing)")

            try server.install("TellsItsGeneration", appending: [0])
            try server.install("EndsAfterCount")
            let changed = try server.run("reload", server.pluginDirectory)
            #expect(changed.status == 0)
            #expect(
                changed.output == "loaded     ends-after-count\nreplaced   tells-its-generation\nunchanged  1",
                "\(changed)")
            #expect(try server.subscribe("/tells-its-generation?tag=new").nextEvent().data != first)

            let status = try status(of: server)
            #expect(status.pid == Int(server.program.pid) && status.reloads == 2 && !status.isReloading)
            let mine = status.generations.filter { $0.plugin == "tells-its-generation" }
            #expect(mine.map(\.generation) == [2, 1] && mine.map(\.state) == ["serving", "draining"])
            let draining = try #require(mine.last)
            #expect(draining.openStreams == 1 && draining.subscribers == 1)
            #expect(draining.holders.map(\.producer) == ["tells-its-generation"])
            #expect(draining.holders.first?.peer?.hasPrefix("127.0.0.1:") == true)
            #expect((draining.oldestStreamSeconds ?? -1) > 0)
            #expect(status.images == 4 && status.generations.allSatisfy { $0.imageBytes >= 4096 })
            #expect(status.imageBytes == status.generations.map(\.imageBytes).reduce(0, +))

            // If there is only one server, it need not be named.
            let table = try server.run("status")
            #expect(table.status == 0 && table.output.contains("PLUGIN"), "\(table)")
            #expect(table.output.contains("draining generations are held by\n  tells-its-generation 1  stream "))
            _ = try old.nextEvent()
        }
    }

    @Test("refusals are shown, with status 1, and remembered; they do not affect what serves")
    func refused() throws {
        try withServer(["TellsItsGeneration"]) { server in
            let old = try server.subscribe("/tells-its-generation?tag=a")
            let generation = try old.nextEvent().data
            try server.install("CrashesInConstructor", as: "TellsItsGeneration")
            let verb = try server.run("reload")
            #expect(verb.status == 1)
            #expect(
                verb.output.contains("refused    \(server.pluginDirectory)/TellsItsGeneration.so: its constructors"))
            #expect(
                try status(of: server).refusals.last?.error.contains("TellsItsGeneration.so: its constructors") == true)
            #expect(try old.nextEvent().data == generation)
            #expect(try server.subscribe("/tells-its-generation?tag=b").nextEvent().data == generation)

            rename(server.pluginDirectory, server.pluginDirectory + "-away")
            let gone = try server.run("reload", server.pluginDirectory)
            #expect(gone.status == 1 && gone.error.contains(server.pluginDirectory), "\(gone)")
            rename(server.pluginDirectory + "-away", server.pluginDirectory)
            _ = try old.nextEvent()
        }
    }

    @Test("status answers during a reload; reloads requested meanwhile are answered together by one more")
    func meanwhile() throws {
        try withServer(["WaitsForEver"], flags: ["--probe-deadline", "3s"]) { server in
            try server.install("SleepsInEntry")
            let start = server.logLines.count
            let first = try server.start(["reload"])
            try server.waitForLog("begin of the reload", from: start) { $0.message == "reloading" }
            let others = try (0..<5).map { _ in try server.start(["reload"]) }
            for _ in 0..<5 { server.signal(SIGHUP) }
            let during = try status(of: server)
            #expect(during.isReloading && during.reloads == 0)
            #expect(try server.subscribe("/waits-for-ever?tag=a").nextEvent().data != nil)
            for program in [first] + others { #expect(try Verb(program).status == 1) }
            let reloads = server.logLines[start...].count { $0.message == "reloading" }
            // Some may have asked after the second one had begun.
            #expect((2...3).contains(reloads), "\(reloads) reloads")
        }
    }

    @Test("status is quick and correct with a thousand streams")
    func load() throws {
        try withServer(["TicksWithIds"]) { server in
            let subscribers = try (0..<1000).map { _ in try server.subscribe("/ticks-with-ids?every=200") }
            for subscriber in subscribers { _ = try subscriber.nextEvent() }
            for _ in 0..<10 {
                let status = try status(of: server)
                #expect(status.openStreams == 1000)
                #expect(status.generations.first?.openStreams == 1000 && status.generations.first?.subscribers == 1000)
            }
            // None was delayed or lost: each gets its next events in order.
            for subscriber in subscribers.prefix(50) {
                #expect(try (0..<3).map { _ in try subscriber.nextEvent().data } == ["2", "3", "4"])
            }
        }
    }

    @Test("no server, two servers, or another one on the socket are reported in one line")
    func finding() throws {
        let runtime = TemporaryDirectory()
        let program = try RunningProgram(
            [BuiltProducts.sluice, "status"], environment: ["XDG_RUNTIME_DIR": runtime.path])
        let none = try Verb(program)
        #expect(
            none.status == 1
                && none.error
                    == "sluice: you are running no server; start one with 'sluice serve', or give --control"
        )
        try withServer(["WaitsForEver"]) { server in
            let wrong = try server.run("reload", "/no/such/plugins")
            #expect(wrong.status == 1 && wrong.error.contains("no server is running"), "\(wrong)")
            let twin = try server.run("serve", server.pluginDirectory, "--listen", "127.0.0.1:0")
            #expect(twin.status == 1 && twin.error.contains("a server already serves this directory"), "\(twin)")
            // With its own socket, it can serve the same directory.
            let path = "\(server.directory.path)/twin"
            let second = try server.start([
                "serve", server.pluginDirectory, "--listen", "127.0.0.1:0", "--control", path,
            ])
            #expect(second.output.wait(.seconds(20)) { $0.contains("http://") } != nil)
            #expect(try server.run("status", "--control", path).status == 0)
            second.signal(SIGKILL)
            #expect(second.waitForExit(.seconds(10)) == .signal(SIGKILL))
            #expect(try server.run("status", "--control", path).error.contains("no server is running"))
            // The socket that it left behind does no harm.
            let third = try server.start([
                "serve", server.pluginDirectory, "--listen", "127.0.0.1:0", "--control", path,
            ])
            #expect(third.output.wait(.seconds(20)) { $0.contains("http://") } != nil)
            third.signal(SIGTERM)
            #expect(third.waitForExit(.seconds(10)) == .status(0))
            #expect(access(path, F_OK) != 0)
            let off = try server.start([
                "serve", server.pluginDirectory, "--listen", "127.0.0.1:0", "--control", "none",
            ])
            #expect(off.output.wait(.seconds(20)) { $0.contains("http://") } != nil)
            off.signal(SIGTERM)
            #expect(off.waitForExit(.seconds(10)) == .status(0))
        }
    }

    @Test(
        "other users are refused, even if they reach the socket",
        .enabled(if: geteuid() == 0 && ["setpriv", "perl"].allSatisfy { access("/usr/bin/\($0)", X_OK) == 0 }))
    func otherUsers() throws {
        // Everyone can reach and use the socket.
        let place = TemporaryDirectory()
        chmod(place.path, 0o755)
        let path = "\(place.path)/control"
        try withServer(["WaitsForEver"], flags: ["--control", path]) { server in
            chmod(path, 0o666)
            let ask =
                #"socket(S,AF_UNIX,SOCK_STREAM,0);connect(S,sockaddr_un($ARGV[0])) or die $!;syswrite S,"{}\n";print <S>"#
            let nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
            let answer = try ChildProgram.run(nobody + ["perl", "-MSocket", "-e", ask, path]).output
            #expect(answer.contains("\"ok\":false") && answer.contains("only user 0 and root"), "\(answer)")
            try server.waitForLog("control refused", ["user": "65534"])
            #expect(!server.logLines.contains { $0.message == "reloading" })
            #expect(try server.run("reload", "--control", path).status == 0)
        }
    }
}
