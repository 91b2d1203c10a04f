import Glibc
import SystemCalls

/// A program that ran to its end, for tests that need a compiler or another tool.
package struct ChildProgram: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// The exit status; 128 + the signal's number if one ended it.
    package let status: Int32
    /// What it wrote to its output and its error output, in the order written.
    package let output: String

    /// Runs a program, found through `PATH`, and waits for its end.
    /// - Parameter limit: after it the program is killed, with all that it started in its process group.
    package static func run(
        _ arguments: [String], within limit: Duration = .seconds(240)
    ) throws(Failure) -> ChildProgram {
        // A file rather than a pipe: no other child, started by another test at this moment, can hold it open.
        let directory = TemporaryDirectory()
        let file = "\(directory.path)/output"

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))

        var process: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { words.forEach { free($0) } }
        let code = posix_spawnp(&process, arguments[0], &actions, &attributes, words, environ)
        guard code == 0 else { throw Failure(description: "\(arguments[0]): \(systemError(code))") }

        let ended = Watched<Int32?>(nil)
        startThread { [process] in
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 && errno == EINTR {}
            ended.update { $0 = status }
        }
        let end = ended.wait(limit) { $0 }
        let output = String(decoding: readFile(file) ?? [], as: UTF8.self)
        guard let end else {
            kill(-process, SIGKILL)
            let command = arguments.joined(separator: " ")
            throw Failure(description: "\(command) still ran after \(limit), and was killed; its output:\n\(output)")
        }
        let signal = end & 0x7f
        return ChildProgram(status: signal == 0 ? (end >> 8) & 0xff : 128 + signal, output: output)
    }
}

/// All bytes of a file, or `nil` if it can't be read.
package func readFile(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        if count > 0 { bytes += chunk[..<count] }
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { return count == 0 ? bytes : nil }
    }
}
