package import Glibc
import Processes
import SystemCalls

/// A program that runs beside the test; its outputs are read line by line. It is killed when the last reference is
/// released.
package final class RunningProgram: Sendable {
    package enum Exit: Sendable, Equatable {
        case status(Int32)
        case signal(Int32)
    }

    private let program: StartedProgram
    package let output: LineReader<String>
    package let errors: LineReader<LogLine>

    /// Starts a program, found through `PATH`.
    /// - Parameters:
    ///   - environment: variables to add to this process's own, or to replace there.
    package init(_ arguments: [String], environment: [String: String] = [:]) throws(TestFailure) {
        // Named pipes: each side opens only its own end, so no other child process can inherit an end and hold it open.
        let directory = TemporaryDirectory()
        let outputPipe = "\(directory.path)/output"
        let errorPipe = "\(directory.path)/errors"
        guard mkfifo(outputPipe, 0o600) == 0, mkfifo(errorPipe, 0o600) == 0 else {
            throw TestFailure("mkfifo in \(directory.path): \(systemError())")
        }
        let outputEnd = openPipeForReading(outputPipe)
        let errorEnd = openPipeForReading(errorPipe)
        var start = ProgramStart(arguments, variables: ProcessEnvironment.present(with: environment))
        start.descriptors = [(1, .file(outputPipe, flags: O_WRONLY)), (2, .file(errorPipe, flags: O_WRONLY))]
        do { program = try StartedProgram(start) } catch {
            close(outputEnd)
            close(errorEnd)
            throw TestFailure("\(arguments[0]): \(error)")
        }
        output = LineReader(outputEnd) { String($0) }
        errors = LineReader(errorEnd) { LogLine($0) }
    }

    deinit { signal(SIGKILL) }

    package var pid: pid_t { program.pid }

    /// How it ended; `nil` while it is running.
    package var exitIfEnded: Exit? { program.exitIfEnded.map(Exit.init) }

    /// Does nothing after the program has ended.
    package func signal(_ number: Int32) { program.signal(number) }

    /// - Returns: `nil` if it is still running after the limit.
    package func waitForExit(_ limit: Duration) -> Exit? { program.waitForExit(limit).map(Exit.init) }
}

extension RunningProgram.Exit {
    fileprivate init(_ end: ProgramEnd) {
        switch end {
        case .status(let status): self = .status(status)
        case .signal(let number): self = .signal(number)
        }
    }
}

/// Opens a named pipe before it has a writer. Once it has one, reading blocks.
/// - Returns: the descriptor, which child processes do not inherit.
package func openPipeForReading(_ path: String) -> Int32 {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    precondition(descriptor >= 0, "\(path): \(systemError())")
    // Room for bursts, so that a writer rarely waits for its reader: F_SETPIPE_SZ (1031, fcntl(2)).
    _ = fcntl(descriptor, 1031, 1 << 20)
    _ = fcntl(descriptor, F_SETFL, 0)
    return descriptor
}
