import Glibc
import Processes

/// A program that has run to its end, for tests that need a compiler or another tool.
package struct ChildProgram: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// The exit status, or 128 plus the signal's number.
    package let status: Int32
    /// Its output and error output, in the order written.
    package let output: String

    /// Runs a program, found through `PATH`, and waits for its end.
    /// - Parameter limit: the program is then killed, with all that it started in its process group.
    package static func run(
        _ arguments: [String], within limit: Duration = .seconds(240)
    ) throws(Failure) -> ChildProgram {
        // A file, not a pipe: another test can start a child process at this moment, which would hold a pipe open.
        let directory = TemporaryDirectory()
        let file = "\(directory.path)/output"

        var start = ProgramStart(arguments, variables: ProcessEnvironment.present(with: [:]))
        start.descriptors = [(1, .file(file, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)), (2, .copy(of: 1))]
        start.leadsGroup = true
        let program: StartedProgram
        do { program = try StartedProgram(start) } catch {
            throw Failure(description: "\(arguments[0]): \(error)")
        }
        let end = program.waitForExit(limit)
        let output = String(decoding: readFile(file) ?? [], as: UTF8.self)
        guard let end else {
            program.signalGroup(SIGKILL)
            let command = arguments.joined(separator: " ")
            throw Failure(description: "\(command) still ran after \(limit), and was killed; its output:\n\(output)")
        }
        return ChildProgram(status: end.shellStatus, output: output)
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
