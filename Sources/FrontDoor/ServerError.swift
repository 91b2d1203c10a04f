import Glibc
import NIOCore

/// Why the server can't listen, in one line.
package struct ServerError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ error: any Error, host: String, port: Int) {
        let reason: String =
            switch error {
            case let error as IOError:
                switch error.errnoCode {
                case EADDRINUSE: "the port is in use; stop the other program, or choose another port"
                case EACCES: "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE"
                case EADDRNOTAVAIL: "this machine does not have that address"
                default: String(cString: strerror(error.errnoCode))
                }
            case is SocketAddressError.UnknownHost, SocketAddressError.unknown: "the host name can't be resolved"
            default: "\(error)"
            }
        self.init(host: host, port: port, reason)
    }

    init(host: String, port: Int, _ reason: String) {
        let place = BoundAddress(host: host, port: port)
        description = "cannot listen on \(place): \(reason)"
    }
}

/// Where the server listens.
package struct BoundAddress: Sendable, Equatable, CustomStringConvertible {
    package let host: String
    package let port: Int

    /// As in a URL: "127.0.0.1:8080", "[::1]:8080".
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
