import Glibc
import NIOCore
import SystemCalls

/// Why the server can't listen, in one line.
package struct ServerError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ error: any Error, on address: ServerAddress) {
        let reason: String =
            switch error {
            case let error as IOError:
                switch error.errnoCode {
                case EADDRINUSE: "the port is in use; stop the other program, or choose another port"
                case EACCES: "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE"
                case EADDRNOTAVAIL: "this machine does not have that address"
                default: systemError(error.errnoCode)
                }
            case is SocketAddressError.UnknownHost, SocketAddressError.unknown: "the host name can't be resolved"
            default: "\(error)"
            }
        self.init(on: address, reason)
    }

    init(on address: ServerAddress, _ reason: String) {
        description = "cannot listen on \(address): \(reason)"
    }
}
