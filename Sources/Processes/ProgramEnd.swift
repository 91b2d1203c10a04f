import Glibc

/// How a program ended; wait(2).
package enum ProgramEnd: Sendable, Equatable {
    case status(Int32)
    case signal(Int32)

    /// The status as a shell reports it: the exit status, or 128 plus the signal's number.
    package var shellStatus: Int32 {
        switch self {
        case .status(let status): status
        case .signal(let number): 128 + number
        }
    }

    /// Waits until a child process has ended, without reaping it, so that its ID can't be reused yet.
    package static func wait(for process: Int32) {
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    }

    /// Waits for a child process to end, and reaps it. Then the system can reuse its ID.
    /// - Returns: `nil` if it has been reaped already, or if its status is lost because SIGCHLD is ignored; the reason
    ///   is in `errno`.
    package static func reap(_ process: Int32) -> ProgramEnd? {
        var status: Int32 = 0
        var reaped: pid_t
        repeat { reaped = waitpid(process, &status, 0) } while reaped < 0 && errno == EINTR
        guard reaped == process else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
    }
}
