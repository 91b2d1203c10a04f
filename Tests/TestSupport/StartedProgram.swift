package import Glibc
package import Processes

/// A program that was started, and is waited for on a thread of its own.
package final class StartedProgram: Sendable {
    package let pid: pid_t
    private let end = Watched<ProgramEnd?>(nil)

    package init(_ start: ProgramStart) throws(ProgramStart.Failure) {
        let process = try start.start()
        pid = process
        startThread { [end] in
            // Looks first and reaps under the lock, so that a signal never meets a number that was given to somebody
            // else.
            ProgramEnd.wait(for: process)
            end.update { $0 = .reap(process) }
        }
    }

    /// How it ended; `nil` while it runs.
    package var exitIfEnded: ProgramEnd? { end.read(\.self) }

    /// Does nothing once the program has ended.
    package func signal(_ number: Int32) {
        end.read { if $0 == nil { _ = kill(pid, number) } }
    }

    /// The same for the group that it leads.
    package func signalGroup(_ number: Int32) {
        end.read { if $0 == nil { _ = kill(-pid, number) } }
    }

    /// - Returns: `nil` if it still runs when the time is up.
    package func waitForExit(_ limit: Duration) -> ProgramEnd? {
        end.wait(limit) { $0 }
    }
}
