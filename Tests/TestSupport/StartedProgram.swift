package import Glibc
package import Processes

/// A program that was started; a separate thread waits for its end.
package final class StartedProgram: Sendable {
    package let pid: pid_t
    private let end = Watched<ProgramEnd?>(nil)

    package init(_ start: ProgramStart) throws(ProgramStart.Failure) {
        let process = try start.start()
        pid = process
        startThread { [end] in
            // Waits first and then reaps under the lock, so that a signal is never sent to an ID that has been reused.
            ProgramEnd.wait(for: process)
            end.update { $0 = .reap(process) }
        }
    }

    /// How it ended; `nil` while it is running.
    package var exitIfEnded: ProgramEnd? { end.read(\.self) }

    /// Does nothing after the program has ended.
    package func signal(_ number: Int32) {
        end.read { if $0 == nil { _ = kill(pid, number) } }
    }

    /// The same for its process group.
    package func signalGroup(_ number: Int32) {
        end.read { if $0 == nil { _ = kill(-pid, number) } }
    }

    /// - Returns: `nil` if it is still running after the limit.
    package func waitForExit(_ limit: Duration) -> ProgramEnd? {
        end.wait(limit) { $0 }
    }
}
