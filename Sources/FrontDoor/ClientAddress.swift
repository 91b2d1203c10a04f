import NIOCore
package import SystemCalls

/// Who is at the other end, as far as is known: the peer of the connection, or the client that a proxy names.
enum ClientAddress: Sendable, Equatable, CustomStringConvertible {
    case internet(IPAddress)
    /// A program on this machine that connected through a socket in the file system.
    case unix
    /// It was gone before its address was asked for.
    case unknown

    init(_ peer: SocketAddress?, at entrance: Entrance) {
        let address = peer?.withSockAddr { address, _ in SocketPlace(address)?.address }
        self = address.map(Self.internet) ?? (entrance.isUnix ? .unix : .unknown)
    }

    /// Without port. An IPv4 address is written as such even if it came through an IPv6 socket.
    var description: String {
        switch self {
        case .internet(let address): address.description
        case .unix: "unix:"
        case .unknown: "unknown"
        }
    }
}

/// The proxies that may say for whom they ask.
package struct TrustedProxies: Sendable, Equatable {
    /// The headers in which they say so. A proxy passes on the other ones as its client wrote them, so only those that
    /// it sets itself can be believed.
    package enum Headers: Sendable {
        /// `X-Forwarded-For`, `X-Forwarded-Host` and `X-Forwarded-Proto`.
        case xForwarded
        /// `Forwarded` (RFC 7239).
        case forwarded
    }

    package var ranges: [IPRange] = []
    /// Every program that connects through a socket in the file system.
    package var includesUnix = false
    package var headers = Headers.xForwarded

    package init() {}

    var isEmpty: Bool { ranges.isEmpty && !includesUnix }

    func contain(_ client: ClientAddress) -> Bool {
        switch client {
        case .internet(let address): ranges.contains { $0.contains(address) }
        case .unix: includesUnix
        case .unknown: false
        }
    }
}
