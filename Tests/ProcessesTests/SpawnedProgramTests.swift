import Glibc
import TestSupport
import Testing

@testable import Processes

@Suite("A program that is run and waited for", .timeLimit(.minutes(2)))
struct SpawnedProgramTests {
    @Test("its output and its status are told, and a signal's number")
    func ending() throws {
        let fine = try SpawnedProgram(["sh", "-c", "echo one; echo two >&2; exit 3"], output: .kept).run()
        #expect(fine.status == 3 && fine.output == "one\ntwo\n")
        #expect(try SpawnedProgram(["sh", "-c", "kill -SEGV $$"], output: .kept).run().status == 128 + SIGSEGV)
    }

    @Test("of much output the first is kept")
    func muchOutput() throws {
        let ending = try SpawnedProgram(["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' a"], output: .kept).run()
        #expect(ending.status == 0)
        #expect(
            ending.output.hasPrefix(
                String(repeating: "a", count: SpawnedProgram.keptBytesMax) + "\n(the rest is left out)"))
    }

    @Test("what heeds no SIGTERM is killed")
    func stubborn() throws {
        let directory = TemporaryDirectory()
        let ready = try NamedPipe("\(directory.path)/ready") { String($0) }
        let program = SpawnedProgram(
            ["sh", "-c", "trap '' TERM; echo ready >\(ready.path); while :; do sleep 0.01; done"], output: .kept)
        // On a thread of its own: those that tests share may all wait for something.
        let ending = Watched<SpawnedProgram.Ending?>(nil)
        startThread {
            let ended = try? program.run()
            ending.update { $0 = ended }
        }
        #expect(ready.reader.wait(.seconds(60)) { $0 == "ready" } != nil)
        program.end()
        #expect(ending.wait(.seconds(60)) { $0?.status } == 128 + SIGKILL)
    }

    @Test("what it leaves behind keeps nobody waiting, and is ended unless it has left the group")
    func leftovers() throws {
        let directory = TemporaryDirectory()
        let script = """
            mkfifo $0; setsid sh -c 'echo $$ >$0; exec sleep 1000' $0 & read -r escaped <$0; sleep 1000 & echo $escaped $!
            """
        let ending = try SpawnedProgram(["sh", "-c", script, "\(directory.path)/gate"], output: .kept).run()
        let pids = ending.output.split(whereSeparator: \.isWhitespace).compactMap { pid_t($0) }
        try #require(ending.status == 0 && pids.count == 2, "\(ending)")
        defer { kill(pids[0], SIGKILL) }
        #expect(isRunning(pids[0]))
        #expect(blockingEventually { !isRunning(pids[1]) })
    }

    /// It is there, and no zombie: proc(5), the state stands behind the name in parentheses.
    private func isRunning(_ pid: pid_t) -> Bool {
        guard let bytes = readFile("/proc/\(pid)/stat") else { return false }
        return String(decoding: bytes, as: UTF8.self).split(separator: ") ").last?.first != "Z"
    }
}
