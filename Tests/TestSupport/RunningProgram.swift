package import Glibc
import SystemCalls

/// A program that runs beside the test, with its outputs read line by line. It is killed when the last reference goes.
package final class RunningProgram: Sendable {
    package enum Exit: Sendable, Equatable {
        case status(Int32)
        case signal(Int32)
    }

    package let pid: pid_t
    package let output: LineReader<String>
    package let errors: LineReader<LogLine>
    private let exit = Watched<Exit?>(nil)

    /// Starts a program, found through `PATH`.
    /// - Parameters:
    ///   - environment: added to this process's own; what it names is replaced.
    package init(_ arguments: [String], environment: [String: String] = [:]) throws(TestFailure) {
        // Pipes with names: opened on each side for that side alone, no other child can inherit an end and hold it open.
        let directory = TemporaryDirectory()
        let outputPipe = "\(directory.path)/output"
        let errorPipe = "\(directory.path)/errors"
        guard mkfifo(outputPipe, 0o600) == 0, mkfifo(errorPipe, 0o600) == 0 else {
            throw TestFailure("mkfifo in \(directory.path): \(systemError())")
        }
        let outputEnd = openPipeForReading(outputPipe)
        let errorEnd = openPipeForReading(errorPipe)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPipe, O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, errorPipe, O_WRONLY, 0)

        // Whatever the test runner blocks or ignores, the program starts like from a shell.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var words = CStrings(arguments)
        var variables = CStrings(Self.variables(with: environment))
        var process: pid_t = 0
        let code = posix_spawnp(&process, arguments[0], &actions, &attributes, &words.pointers, &variables.pointers)
        guard code == 0 else {
            close(outputEnd)
            close(errorEnd)
            throw TestFailure("\(arguments[0]): \(systemError(code))")
        }
        pid = process
        output = LineReader(outputEnd) { String($0) }
        errors = LineReader(errorEnd) { LogLine($0) }
        startThread { [exit, process] in
            // Looks first and reaps under the lock, so that `signal` never meets a pid that was given to somebody else.
            var information = siginfo_t()
            while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
            exit.update {
                var status: Int32 = 0
                waitpid(process, &status, 0)
                let signal = status & 0x7f
                $0 = signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
            }
        }
    }

    deinit { signal(SIGKILL) }

    /// How it ended; `nil` while it runs.
    package var exitIfEnded: Exit? { exit.read(\.self) }

    /// Does nothing once the program has ended.
    package func signal(_ number: Int32) {
        exit.read { if $0 == nil { _ = kill(pid, number) } }
    }

    /// - Returns: `nil` if it still runs when the time is up.
    package func waitForExit(_ limit: Duration) -> Exit? {
        exit.wait(limit) { $0 }
    }

    private static func variables(with added: [String: String]) -> [String] {
        var variables: [String] = []
        var place = environ
        while let entry = place.pointee {
            let variable = String(cString: entry)
            if added[String(variable.prefix { $0 != "=" })] == nil { variables.append(variable) }
            place += 1
        }
        return variables + added.map { "\($0.key)=\($0.value)" }
    }
}

/// Opens a named pipe before it has a writer; reading it blocks from the moment that it has one.
/// - Returns: the descriptor, not inherited by children.
package func openPipeForReading(_ path: String) -> Int32 {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    precondition(descriptor >= 0, "\(path): \(systemError())")
    // Room for bursts, so that a writer hardly ever waits for its reader: F_SETPIPE_SZ (1031, fcntl(2)).
    _ = fcntl(descriptor, 1031, 1 << 20)
    _ = fcntl(descriptor, F_SETFL, 0)
    return descriptor
}

/// An array of C strings, ended by NULL.
private struct CStrings: ~Copyable {
    var pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        pointers = strings.map { strdup($0) } + [nil]
    }

    deinit { pointers.forEach { free($0) } }
}
