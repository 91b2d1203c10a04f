import CLinux
import Control
import Glibc
import StreamRuntime
import SystemCalls

/// Tells the service manager how it stands with this process, if it wants to know (`Type=notify`,
/// `Type=notify-reload`); sd_notify(3).
///
/// A process that was just started cannot defend itself yet: while the dynamic loader works, which takes 10 ms and
/// more, SIGHUP ends it. Whoever waits for the notice that it is ready, as `systemctl restart` does, sends none before.
struct ServiceNotice: Sendable {
    private let path: String?

    /// Takes the address out of the environment: it is not for what this process starts. While there is one thread.
    init() {
        path = getenv("NOTIFY_SOCKET").map { String(cString: $0) }
        unsetenv("NOTIFY_SOCKET")
    }

    func ready() { send("READY=1") }
    func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(monotonicNanoseconds() / 1000)") }
    func stopping() { send("STOPPING=1") }

    /// What `systemctl status` shows beside the state.
    func hanging(_ calls: [HangingCall]) {
        guard let call = calls.first else { return send("STATUS=") }
        let others = calls.count == 1 ? "" : ", and \(calls.count - 1) other calls"
        send("STATUS=does not return: \(call.function) of \(call.plugin)/\(call.producer)\(others)")
    }

    /// Nobody is told when it fails: the service manager has a time-out of its own.
    private func send(_ text: String) {
        // A name that begins with "@" is one without a file; unix(7).
        guard let path, path.hasPrefix("/") || path.hasPrefix("@"), path.utf8.count <= ControlPath.bytesMax else {
            return
        }
        UnixSocket.sendDatagram(Array(text.utf8), to: path.hasPrefix("@") ? "\0\(path.dropFirst())" : path)
    }
}
