import Glibc
import SystemCalls

/// Why the server can't listen, in one line.
package struct ServerError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(on listener: ListenSettings, code: Int32) {
        let reason =
            switch code {
            case EADDRINUSE: "the port is in use; stop the other program, or choose another port"
            case EACCES: "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE"
            case EADDRNOTAVAIL: "this machine does not have that address"
            default: systemError(code)
            }
        self.init(on: listener, reason)
    }

    init(on listener: ListenSettings, _ reason: String) {
        description = "cannot listen on \(listener): \(reason)"
    }
}
