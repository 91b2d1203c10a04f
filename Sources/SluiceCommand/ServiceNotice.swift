import CLinux
import Control
import Files
import Glibc
import StreamRuntime
import Synchronization
import SystemCalls

/// Tells the service manager this process's state, if requested (`Type=notify`, `Type=notify-reload`,
/// `WatchdogSec=`); sd_notify(3). Any thread.
///
/// A process that has just been started can't handle signals yet: while the dynamic loader works, which takes 10 ms or
/// more, SIGHUP would end it. A manager that waits for the readiness notice, as `systemctl restart` does, sends none
/// before.
final class ServiceNotice: Sendable {
    private let path: String?
    /// How often the manager wants to hear that all is well: half of the time after which it gives the process up;
    /// sd_watchdog_enabled(3). `nil`: not at all.
    let watchdogInterval: Nanoseconds?
    private let state = Mutex(State())

    private struct State {
        var hanging: String?
        var work = ""
        var told: String?
    }

    /// Removes the variables from the environment, so that child processes don't inherit them. Call it while there is
    /// only one thread.
    init() {
        func take(_ name: String) -> String? {
            defer { unsetenv(name) }
            return getenv(name).map { String(cString: $0) }
        }
        path = take("NOTIFY_SOCKET")
        let (limit, process) = (take("WATCHDOG_USEC").flatMap(Int64.init), take("WATCHDOG_PID"))
        // The variables can be those of a parent process.
        let isMeant = process == nil || process == "\(getpid())"
        watchdogInterval = isMeant ? limit.flatMap { 2...Int64.max / 1000 ~= $0 ? $0 * 1000 / 2 : nil } : nil
    }

    func ready() { send("READY=1") }
    func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(monotonicNanoseconds() / 1000)") }
    func stopping() { send("STOPPING=1") }

    /// All is well.
    func alive() { send("WATCHDOG=1") }

    /// What the server does, in a few words that `systemctl status` shows with the state. Calls that hang are more
    /// important.
    func works(_ text: String) { tell { $0.work = text } }

    /// - Parameter calls: those that do not return; the oldest first.
    func hanging(_ calls: [HangingCall]) {
        let others = calls.count <= 1 ? "" : ", and \(calls.count - 1) other calls"
        tell { state in
            state.hanging = calls.first.map {
                "does not return: \($0.function) of \($0.plugin)/\($0.producer)\(others)"
            }
        }
    }

    /// Sends the text if it is another one now.
    private func tell(_ change: (inout State) -> Void) {
        // Sent under the lock, so that texts arrive in order. The call does not wait.
        state.withLock { state in
            change(&state)
            let text = state.hanging ?? state.work
            guard text != state.told ?? "" else { return }
            state.told = text
            send("STATUS=\(text)")
        }
    }

    /// Failures are ignored: the service manager has its own timeout.
    private func send(_ text: String) {
        // A name that begins with "@" is an abstract address, which has no file; unix(7).
        guard let path, path.hasPrefix("/") || path.hasPrefix("@"), path.utf8.count <= ControlPath.bytesMax else {
            return
        }
        UnixSocket.sendDatagram(Array(text.utf8), to: path.hasPrefix("@") ? "\0\(path.dropFirst())" : path)
    }
}
