import CommandOutput
import Files
import Glibc
import Logging
import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import Control

@Suite("The control socket", .timeLimit(.minutes(2)))
struct ControlServerTests {
    private let directory = TemporaryDirectory()
    private var path: String { "\(directory.path)/c.sock" }

    /// A server that records its commands.
    private func serving(_ body: (AskedCommands) throws -> Void) throws {
        let asked = AskedCommands()
        let server = ControlServer(
            try ControlSocket(listeningOn: path), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { command in
            asked.append(command)
            return command == .status
                ? ControlAnswer(["answer": 42]) : .refusal("no")
        }
        #expect(server.start())
        defer { server.stop() }
        try body(asked)
    }

    private struct Answer: Decodable, Equatable {
        let `protocol`: Int
        let ok: Bool
        let answer: Int?
        let error: String?
    }

    private final class AskedCommands: Sendable {
        private let commands = Mutex<[ControlProtocol.Command]>([])
        var all: [ControlProtocol.Command] { commands.withLock(\.self) }
        func append(_ command: ControlProtocol.Command) { commands.withLock { $0.append(command) } }
    }

    private let now: @Sendable () -> Int64 = { monotonicNanoseconds() }

    private func connect() throws -> UnixSocket { try UnixSocket.connect(to: path).get() }

    /// Sends raw bytes, and reads lines until the end.
    private func conversation(_ bytes: String) throws -> [Answer] {
        let socket = try connect()
        defer { socket.close() }
        #expect(socket.write(Array(bytes.utf8), deadline: .max, now: { 0 }))
        shutdown(socket.descriptor, Int32(SHUT_WR))
        var rest: [UInt8] = []
        var answers: [Answer] = []
        while let line = socket.readLine(
            bytesMax: 1 << 20, rest: &rest, deadline: now() + 10_000_000_000, now: now
        ) {
            answers.append(try #require(JSONText.decoded(Answer.self, from: line)))
        }
        return answers
    }

    @Test("a request gets its answer, and so does the next one on the same connection")
    func requests() throws {
        try serving { asked in
            let answers = try conversation("{\"command\":\"status\"}\n{\"command\":\"reload\", \"more\": [1]}\n")
            #expect(answers.map(\.ok) == [true, false])
            #expect(answers.map(\.protocol) == [1, 1])
            #expect(answers[0].answer == 42 && answers[1].error == "no")
            #expect(asked.all == [.status, .reload])
            // The raw answer, for programs that know more members.
            #expect(
                try String(decoding: ControlClient(connect()).ask(.status, seconds: 10), as: UTF8.self)
                    == #"{"answer":42,"ok":true,"protocol":1}"#)
            #expect(throws: CommandFailure("no")) { try ControlClient(connect()).ask(.reload, seconds: 10) }
        }
    }

    @Test("invalid requests are answered with what was expected, and the connection continues")
    func nonsense() throws {
        try serving { asked in
            let answers = try conversation(
                "\n[]\n{}\n{\"command\":\"stop\"}\n{\"command\":1}\n{\"command\":\"status\"}\n")
            #expect(answers.count == 6)
            #expect(answers.map(\.ok) == [false, false, false, false, false, true])
            #expect(answers[3].error == "unknown command 'stop'; expected 'reload' or 'status'")
            #expect(asked.all == [.status])
        }
    }

    @Test("a line without an end is refused, and the connection closed")
    func endless() throws {
        try serving { _ in
            let answers = try conversation(String(repeating: "x", count: 3 * ControlProtocol.requestBytesMax))
            #expect(answers.map(\.error) == ["expected a line of at most 4096 bytes"])
        }
    }

    @Test("a client beyond the limit is refused; when another one disconnects, there is room again")
    func crowd() throws {
        var clients: [UnixSocket] = []
        try serving { _ in
            for _ in 0..<ControlServer.clientsMax {
                let socket = try connect()
                // The client's thread exists once it has answered.
                #expect(socket.write(ControlProtocol.request(.status), deadline: .max, now: { 0 }))
                var rest: [UInt8] = []
                let answer = socket.readLine(
                    bytesMax: 1000, rest: &rest, deadline: now() + 10_000_000_000, now: now)
                #expect(answer != nil)
                clients.append(socket)
            }
            #expect(throws: CommandFailure("16 clients are already connected; try again")) {
                try ControlClient(connect()).ask(.status, seconds: 10)
            }
            for socket in clients { socket.close() }
            // A place is free once a thread has noticed that its client is gone, for which there is no event.
            #expect(blockingEventually { (try? ControlClient(connect()).ask(.status, seconds: 10)) != nil })
        }
    }

    @Test("only its user can use the file, and it is removed with the server")
    func file() throws {
        try serving { _ in
            var status = stat()
            lstat(path, &status)
            #expect(status.st_mode & 0o777 == 0o600 && status.st_mode & S_IFMT == S_IFSOCK)
        }
        #expect(access(path, F_OK) != 0)
        if case .success = UnixSocket.connect(to: path) { Issue.record("somebody is still there") }
    }

    @Test("a killed server's socket is replaced; one that is in use, and other files, are not")
    func takingOver() throws {
        // Bound, and closed without removing the file: nobody listens.
        try UnixSocket.bind(to: path).get().close()
        #expect(access(path, F_OK) == 0)
        try serving { _ in
            let error = #expect(throws: CommandFailure.self) { try ControlSocket(listeningOn: path) }
            #expect(error?.description.contains("a server already serves this directory") == true)
            #expect(error?.description.contains("--control") == true)
            #expect(throws: Never.self, "it was disturbed") { try ControlClient(connect()).ask(.status, seconds: 10) }
        }
        directory.write("text".utf8, to: "c.sock")
        #expect(
            throws: CommandFailure(
                "control socket \(path): a file of that name exists, and is not a socket; choose another path with --control"
            )
        ) { try ControlSocket(listeningOn: path) }
        #expect(throws: CommandFailure.self) { try ControlSocket(listeningOn: "/no/such/directory/c.sock") }
        #expect(throws: CommandFailure.self) {
            try ControlSocket(listeningOn: directory.path + "/" + String(repeating: "x", count: 200))
        }
    }

    @Test("a server that stops does not remove the socket of a later server")
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

    @Test("a request for a reload says whether it is forced")
    func forceInRequest() throws {
        for command in ControlProtocol.Command.allCases {
            let line = ControlProtocol.request(command).dropLast()
            #expect(try ControlProtocol.command(in: Array(line)) == command)
        }
        #expect(try ControlProtocol.command(in: Array(#"{"command":"reload","force":false}"#.utf8)) == .reload)
    }
}
