/// One address on which a server listens, and the protocol there.
package struct ServerAddress: Sendable, Equatable, CustomStringConvertible {
    /// The protocol with which a connection begins.
    package enum Scheme: String, Sendable {
        case http
    }

    package let scheme: Scheme
    /// A name or a numeric address; "::" accepts IPv4 as well.
    package let host: String
    /// 0 lets the system choose.
    package let port: Int

    package init(_ scheme: Scheme = .http, host: String, port: Int) {
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    /// As in a URL: "127.0.0.1:8080", "[::1]:8080".
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// "http://127.0.0.1:8080".
    package var url: String { "\(scheme.rawValue)://\(self)" }
}
