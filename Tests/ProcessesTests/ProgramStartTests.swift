import Glibc
import TestSupport
import Testing

@testable import Processes

@Suite("How a program is started")
struct ProgramStartTests {
    private let directory = TemporaryDirectory()

    /// A program's output, which `change` can redirect.
    private func output(_ words: [String], _ change: (inout ProgramStart) -> Void = { _ in }) throws -> String {
        var start = ProgramStart(words)
        let file = "\(directory.path)/output"
        start.descriptors = [(1, .file(file, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600))]
        change(&start)
        let process = try start.start()
        ProgramEnd.wait(for: process)
        #expect(ProgramEnd.reap(process) == .status(0))
        return String(decoding: try #require(readFile(file)), as: UTF8.self)
    }

    @Test("its descriptors are the given ones, and above a number it inherits none")
    func descriptors() throws {
        let inherited = dup(0)
        defer { close(inherited) }
        try #require(inherited > 2)
        let script = "cat; echo told >&2; ls /proc/$$/fd"
        let told = try output(["sh", "-c", script]) {
            $0.descriptors.append((2, .copy(of: 1)))
            $0.closedFrom = 3
        }
        #expect(told == "told\n0\n1\n2\n", "and there is nothing to read")
    }

    @Test("it blocks and ignores no signals, whatever this thread does")
    func signals() throws {
        var (blocked, before) = (sigset_t(), sigset_t())
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGUSR1)
        pthread_sigmask(SIG_BLOCK, &blocked, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let told = try output(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"])
        // The C library uses two more signals itself.
        let standard: UInt64 = 0x7fff_ffff
        let sets = told.split(separator: "\n").compactMap { $0.split(separator: "\t").last }
        #expect(sets.map { UInt64($0, radix: 16).map { $0 & standard } } == [0, 0], "\(told)")
    }

    @Test("a program that does not exist is reported, and leaves no process")
    func missing() {
        let error = #expect(throws: ProgramStart.Failure.self) { try ProgramStart(["/no/such/program"]).start() }
        #expect(error?.description == "No such file or directory")
    }

    @Test("variables are added, or replace others")
    func environment() throws {
        let variables = ProcessEnvironment.present(with: ["PATH": "/nowhere", "SLUICE_TEST_ADDED": "a=b"])
        #expect(variables.filter { $0.hasPrefix("PATH=") } == ["PATH=/nowhere"])
        #expect(variables.contains("SLUICE_TEST_ADDED=a=b"))
    }
}
