import CLinux
import Control
import Files
import Glibc
import StreamRuntime
import SystemCalls

/// Tells the service manager this process's state, if requested (`Type=notify`, `Type=notify-reload`); sd_notify(3).
///
/// A process that has just been started can't handle signals yet: while the dynamic loader works, which takes 10 ms or
/// more, SIGHUP would end it. A manager that waits for the readiness notice, as `systemctl restart` does, sends none
/// before.
struct ServiceNotice: Sendable {
    private let path: String?

    /// Removes the address from the environment, so that child processes don't inherit it. Call it while there is only
    /// one thread.
    init() {
        path = getenv("NOTIFY_SOCKET").map { String(cString: $0) }
        unsetenv("NOTIFY_SOCKET")
    }

    func ready() { send("READY=1") }
    func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(monotonicNanoseconds() / 1000)") }
    func stopping() { send("STOPPING=1") }

    /// A text that `systemctl status` shows with the state.
    func hanging(_ calls: [HangingCall]) {
        guard let call = calls.first else { return send("STATUS=") }
        let others = calls.count == 1 ? "" : ", and \(calls.count - 1) other calls"
        send("STATUS=does not return: \(call.function) of \(call.plugin)/\(call.producer)\(others)")
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
