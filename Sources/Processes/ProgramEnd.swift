import Glibc

/// How a program ended; wait(2).
package enum ProgramEnd: Sendable, Equatable {
    case status(Int32)
    case signal(Int32)

    /// As a shell tells it: the exit status; 128 and the signal's number if one ended it.
    package var shellStatus: Int32 {
        switch self {
        case .status(let status): status
        case .signal(let number): 128 + number
        }
    }

    /// Waits until a child has ended, and leaves it there: its number stays its own until it is reaped.
    package static func wait(for process: Int32) {
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    }

    /// Takes the end of a child, waiting for it. From then on its number may be given to somebody else.
    /// - Returns: `nil` if it was taken before, or is not kept, as SIGCHLD is ignored; `errno` says more.
    package static func reap(_ process: Int32) -> ProgramEnd? {
        var status: Int32 = 0
        var reaped: pid_t
        repeat { reaped = waitpid(process, &status, 0) } while reaped < 0 && errno == EINTR
        guard reaped == process else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
    }
}
