import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import SluiceCommand

@Suite("The control socket", .timeLimit(.minutes(2)))
struct ControlTests {
    private let directory = TemporaryDirectory()
    private var path: String { "\(directory.path)/c.sock" }

    /// A server that counts what it is asked.
    private func serving(_ body: (AskedCommands) throws -> Void) throws {
        let asked = AskedCommands()
        let server = ControlServer(
            try ControlSocket(listeningOn: path), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { command in
            asked.append(command)
            return command == .status
                ? ControlProtocol.answer([("answer", .integer(42))]) : ControlProtocol.refusal("no")
        }
        #expect(server.start())
        defer { server.stop() }
        try body(asked)
    }

    private final class AskedCommands: Sendable {
        private let commands = Mutex<[ControlProtocol.Command]>([])
        var all: [ControlProtocol.Command] { commands.withLock(\.self) }
        func append(_ command: ControlProtocol.Command) { commands.withLock { $0.append(command) } }
    }

    private let now: @Sendable () -> Int64 = { monotonicNanoseconds() }

    private func connect() throws -> UnixSocket { try UnixSocket.connect(to: path).get() }

    /// Sends bytes as they are, and reads the lines that come back, up to the end.
    private func conversation(_ bytes: String) throws -> [JSONValue] {
        let socket = try connect()
        defer { socket.close() }
        #expect(socket.write(Array(bytes.utf8), deadline: .max, now: { 0 }))
        shutdown(socket.descriptor, Int32(SHUT_WR))
        var rest: [UInt8] = []
        var answers: [JSONValue] = []
        while let line = socket.readLine(
            bytesMax: 1 << 20, rest: &rest, deadline: now() + 10_000_000_000, now: now
        ) {
            answers.append(try #require(JSONParser.parse(line)))
        }
        return answers
    }

    @Test("a request gets its answer, and so does the next on the same connection")
    func requests() throws {
        try serving { asked in
            let answers = try conversation("{\"command\":\"status\"}\n{\"command\":\"reload\", \"more\": [1]}\n")
            #expect(answers.map { $0["ok"]?.bool } == [true, false])
            #expect(answers.map { $0["protocol"]?.integer } == [1, 1])
            #expect(answers[0]["answer"]?.integer == 42 && answers[1]["error"]?.text == "no")
            #expect(asked.all == [.status, .reload])
            #expect(try ControlClient(connect()).ask(.status, seconds: 10)["answer"]?.integer == 42)
            #expect(throws: CommandFailure("no")) { try ControlClient(connect()).ask(.reload, seconds: 10) }
        }
    }

    @Test("nonsense is answered with what was expected, and the connection goes on")
    func nonsense() throws {
        try serving { asked in
            let answers = try conversation(
                "\n[]\n{}\n{\"command\":\"stop\"}\n{\"command\":1}\n{\"command\":\"status\"}\n")
            #expect(answers.count == 6)
            #expect(answers.map { $0["ok"]?.bool } == [false, false, false, false, false, true])
            #expect(answers[3]["error"]?.text == "unknown command 'stop'; expected 'reload' or 'status'")
            #expect(asked.all == [.status])
        }
    }

    @Test("a line without end is refused, and the client hung up on")
    func endless() throws {
        try serving { _ in
            let answers = try conversation(String(repeating: "x", count: 3 * ControlProtocol.requestBytesMax))
            #expect(answers.map { $0["error"]?.text } == ["expected a line of at most 4096 bytes"])
        }
    }

    @Test("one client too many is turned away; there is room again when another leaves")
    func crowd() throws {
        var clients: [UnixSocket] = []
        try serving { _ in
            for _ in 0..<ControlServer.clientsMax {
                let socket = try connect()
                // Its thread is there once it has answered.
                #expect(socket.write(ControlProtocol.request(.status), deadline: .max, now: { 0 }))
                var rest: [UInt8] = []
                let answer = socket.readLine(
                    bytesMax: 1000, rest: &rest, deadline: now() + 10_000_000_000, now: now)
                #expect(answer != nil)
                clients.append(socket)
            }
            #expect(throws: CommandFailure("16 clients are here already; try again")) {
                try ControlClient(connect()).ask(.status, seconds: 10)
            }
            for socket in clients { socket.close() }
            let deadline = ContinuousClock.now + .seconds(10)
            while (try? ControlClient(connect()).ask(.status, seconds: 10)) == nil, .now < deadline { sched_yield() }
            #expect(try ControlClient(connect()).ask(.status, seconds: 10)["ok"]?.bool == true)
        }
    }

    @Test("its file is for its user alone, and gone with the server")
    func file() throws {
        try serving { _ in
            var status = stat()
            lstat(path, &status)
            #expect(status.st_mode & 0o777 == 0o600 && status.st_mode & S_IFMT == S_IFSOCK)
        }
        #expect(access(path, F_OK) != 0)
        if case .success = UnixSocket.connect(to: path) { Issue.record("somebody is still there") }
    }

    @Test("what a killed server left behind is taken over; what is in use, or is no socket, is not")
    func takingOver() throws {
        // Bound, and closed without being unlinked: nobody listens.
        try UnixSocket.bind(to: path).get().close()
        #expect(access(path, F_OK) == 0)
        try serving { _ in
            let error = #expect(throws: CommandFailure.self) { try ControlSocket(listeningOn: path) }
            #expect(error?.description.contains("another server uses it") == true)
            #expect(error?.description.contains("--control") == true)
            let answer = try ControlClient(connect()).ask(.status, seconds: 10)
            #expect(answer["ok"]?.bool == true, "it was disturbed")
        }
        directory.write("text".utf8, to: "c.sock")
        #expect(
            throws: CommandFailure(
                "control socket \(path): there is a file of that name; name another with --control")
        ) { try ControlSocket(listeningOn: path) }
        #expect(throws: CommandFailure.self) { try ControlSocket(listeningOn: "/no/such/directory/c.sock") }
        #expect(throws: CommandFailure.self) {
            try ControlSocket(listeningOn: directory.path + "/" + String(repeating: "x", count: 200))
        }
    }

    @Test("a server that has gone does not take away the socket of the one that came after it")
    func succession() throws {
        let first = try ControlSocket(listeningOn: path)
        first.shut()
        let second = try ControlSocket(listeningOn: path)
        first.shut()
        #expect(access(path, F_OK) == 0)
        second.shut()
        #expect(access(path, F_OK) != 0)
        first.socket.close()
        second.socket.close()
    }

    @Test("the standard place is the same however the directory is written, and another for each directory")
    func standardPath() throws {
        let here = ControlPath.absolute(".")
        let written = ["plugins", "./plugins", "plugins/", "x/../plugins", "\(here)//plugins/."]
        #expect(Set(written.map { ControlPath.standard(for: $0, in: "/run/x") }).count == 1)
        #expect(ControlPath.standard(for: "a/plugins", in: "/r") != ControlPath.standard(for: "b/plugins", in: "/r"))
        let path = ControlPath.standard(for: "/srv/my plugins (new)", in: "/run/x")
        #expect(path.hasPrefix("/run/x/mypluginsnew-") && path.hasSuffix(".sock"))
        #expect(ControlPath.standard(for: "/", in: "/r").hasPrefix("/r/root-"))
        #expect(ControlPath.absolute("/a/../../b/./c//") == "/b/c")
        #expect(ControlPath.directory(runtimeDirectory: directory.path) == "\(directory.path)/sluice")
        for none in [nil, "", "relative", "/no/such/directory"] {
            #expect(ControlPath.directory(runtimeDirectory: none) == "/tmp/sluice-\(geteuid())")
        }
    }

    @Test("a standard directory that others can enter is refused")
    func foreignDirectory() throws {
        let place = "\(directory.path)/sluice"
        try ControlPath.prepare(place)
        try ControlPath.prepare(place)
        chmod(place, 0o755)
        #expect(throws: CommandFailure.self) { try ControlPath.prepare(place) }
        rmdir(place)
        symlink(directory.path, place)
        #expect(throws: CommandFailure.self) { try ControlPath.prepare(place) }
    }
}

@Suite("Asking for a reload", .timeLimit(.minutes(2)))
struct ReloadDeskTests {
    @Test("who asks while a reload runs is answered by the next one, all together")
    func coalescing() throws {
        let desk = ReloadDesk()
        let answers = Watched<[ReloadOutcome?]>([])
        let posts = Watched(0)
        let ask: @Sendable () -> Void = {
            let outcome = desk.ask(seconds: 60) { posts.update { $0 += 1 } }
            answers.update { $0.append(outcome) }
        }
        startThread(ask)
        #expect(posts.becomes(1, within: .seconds(10)))
        let first = desk.begin().ticket
        #expect(desk.record.isReloading)
        for _ in 0..<3 { startThread(ask) }
        #expect(posts.becomes(4, within: .seconds(10)))
        desk.end(first, ReloadOutcome(unchanged: 1), at: 100)
        #expect(answers.wait(.seconds(10)) { $0.count == 1 ? $0 : nil }?.first??.unchanged == 1)
        desk.end(desk.begin().ticket, ReloadOutcome(unchanged: 2), at: 101)
        let all = answers.wait(.seconds(10)) { $0.count == 4 ? $0 : nil }
        #expect(all?.dropFirst().map { $0?.unchanged } == [2, 2, 2])
        #expect(desk.record.count == 2 && desk.record.lastAt == 101 && !desk.record.isReloading)
    }

    @Test("a reload is by force if one of those who wait for it wants that, and the one behind it is not")
    func forced() {
        let desk = ReloadDesk()
        let posts = Watched(0)
        for (number, isForced) in [true, false].enumerated() {
            startThread { _ = desk.ask(isForced: isForced, seconds: 60) { posts.update { $0 += 1 } } }
            #expect(posts.becomes(number + 1, within: .seconds(10)))
        }
        #expect(desk.begin().isForced)
        let second = desk.begin()
        #expect(!second.isForced)
        desk.end(second.ticket, ReloadOutcome(), at: 1)
    }

    @Test("the request of a reload says whether it is by force")
    func forceInRequest() throws {
        for command in ControlProtocol.Command.allCases {
            let line = ControlProtocol.request(command).dropLast()
            #expect(try ControlProtocol.command(in: Array(line)) == command)
        }
        #expect(try ControlProtocol.command(in: Array(#"{"command":"reload","force":false}"#.utf8)) == .reload)
    }

    @Test("the last refusals are kept, with their time")
    func refusals() {
        let desk = ReloadDesk()
        desk.note(["at the start"], at: 1)
        for number in 0..<30 { desk.end(desk.begin().ticket, ReloadOutcome(refusals: ["\(number)"]), at: 10) }
        desk.end(desk.begin().ticket, ReloadOutcome(error: "all wrong"), at: 11)
        let refusals = desk.record.refusals
        #expect(refusals.count == ReloadDesk.refusalsMax)
        #expect(refusals.last == ReloadDesk.Refusal(at: 11, error: "all wrong"))
        #expect(refusals.first == ReloadDesk.Refusal(at: 10, error: "11"))
    }

    @Test("the answer of a reload names what has changed, and an error alone")
    func answers() {
        var outcome = ReloadOutcome(loaded: ["a"], replaced: ["b", "c"], unchanged: 7, refusals: ["x.so: no; mend it"])
        outcome.changedSettings = ["retry"]
        outcome.fixedSettings = ["listen"]
        #expect(
            ReloadCommand.text(outcome.json) == """
                loaded     a
                replaced   b, c
                settings   retry
                not now    listen: needs a new start of the server
                unchanged  7
                refused    x.so: no; mend it

                """)
        outcome.error = "the directory is gone"
        #expect(outcome.json["ok"]?.bool == false && outcome.json["error"]?.text == "the directory is gone")
    }
}

@Suite("The table of sluice status")
struct StatusTableTests {
    @Test("has a row for each generation, and says who holds what drains")
    func table() throws {
        let json = """
            {"ok":true,"version":"0.1.0","pid":7,"address":"127.0.0.1:8080","directory":"./plugins","uptime_seconds":11520.5,
             "reloads":2,"is_reloading":true,"open_streams":12,"stuck_streams":1,"threads":3,"refused_requests":4,"connections":5,"kept_request_bytes":7168,
             "images":3,"image_bytes":73728,"generations":[
              {"plugin":"hello","generation":2,"state":"serving","age_seconds":75,"image_bytes":24576,"open_streams":11,
               "trial":{"failures":1,"failures_max":3,"seconds_left":7.25},"subscribers":11,"oldest_stream_seconds":60,"producers":[{"route":"/hello"},{"route":"/hallo"}],"holders":[]},
              {"plugin":"hello","generation":1,"state":"draining","age_seconds":11520,"image_bytes":24576,"open_streams":1,
               "trial":null,"held_for_generation":2,"subscribers":null,"oldest_stream_seconds":null,"producers":[{"route":"/hello"}],
               "holders":[{"stream":"1a","producer":"hello","shared":false,"peer":"127.0.0.1:5","age_seconds":7200},
                {"stream":"1b","producer":"hello","shared":false,"peer":null,"age_seconds":10},
                {"stream":"1c","producer":"hello","shared":true,"peer":null,"age_seconds":9}]}],
             "refusals":[{"at":0,"error":"x.so: no\\u001b[2J; mend it"}]}
            """
        let text = StatusTable(try #require(JSONParser.parse(Array(json.utf8)))).text
        #expect(
            text == """
                sluice 0.1.0, process 7, up 3h 12m, http://127.0.0.1:8080, plugins in ./plugins
                streams 12 (1 stuck), threads 3, connections 5, refused requests 4, kept requests 7k; reloads 2; a reload runs; images 3, 72k

                PLUGIN  GENERATION  STATE     AGE     STREAMS  SUBSCRIBERS  OLDEST  IMAGE  ROUTES
                hello   2           serving   1m 15s  11       11           1m      24k    /hello /hallo
                hello   1           draining  3h 12m  1        ?            -       24k    /hello

                on trial, and taken back if their streams fail
                  hello 2  1 of 3 failures  7s left

                draining generations are held by
                  hello 1  the trial of generation 2
                  hello 1  stream 1a                  hello  127.0.0.1:5              2h
                  hello 1  stream 1b                  hello  its subscriber has left  10s
                  hello 1  stream 1c                  hello  shared                   9s

                refused, the last ones
                  1970-01-01T00:00:00Z  x.so: no\\u001b[2J; mend it

                """)
    }

    @Test("shows what it can of an answer that lacks nearly everything")
    func sparse() {
        #expect(StatusTable(.object([])).text.hasPrefix("sluice ?, process 0, up -"))
        #expect(StatusTable(.null).text.contains("PLUGIN"))
    }

    @Test(
        "ages have their two largest units",
        arguments: [
            (0.05, "50ms"), (1, "1s"), (59.9, "59s"), (60, "1m"), (61, "1m 1s"), (3600, "1h"), (3605, "1h"),
            (90061, "1d 1h"),
            (-1, "-"), (.infinity, "-"),
        ] as [(Double, String)])
    func ages(seconds: Double, text: String) {
        #expect(StatusTable.age(.real(seconds)) == text)
    }
}
