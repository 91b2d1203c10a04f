/// An address on which a server listens now, and the protocol there.
package struct ServerAddress: Sendable, Equatable, CustomStringConvertible {
    /// The protocol with which a connection begins.
    package enum Scheme: String, Sendable {
        case http
    }

    package enum Place: Sendable, Equatable {
        /// A numeric address; "::" accepts IPv4 as well.
        case internet(host: String, port: Int)
        case unix(path: String)
    }

    package let scheme: Scheme
    package let place: Place

    package init(_ scheme: Scheme = .http, _ place: Place) {
        self.scheme = scheme
        self.place = place
    }

    package init(host: String, port: Int) { self.init(.http, .internet(host: host, port: port)) }

    /// `nil` for a socket in the file system.
    package var port: Int? {
        if case .internet(_, let port) = place { port } else { nil }
    }

    /// As in a URL: "127.0.0.1:8080", "[::1]:8080"; or "unix:/run/http.sock".
    package var description: String {
        switch place {
        case .internet(let host, let port): Self.text(host: host, port: port)
        case .unix(let path): "unix:\(path)"
        }
    }

    /// "http://127.0.0.1:8080", or "unix:/run/http.sock".
    package var url: String {
        if case .unix = place { description } else { "\(scheme.rawValue)://\(self)" }
    }

    /// The arguments with which curl requests a path here.
    package func curl(_ path: String) -> String {
        switch place {
        case .internet(let host, let port):
            // Any address of this machine will do.
            let host = ["::", "0.0.0.0"].contains(host) ? "localhost" : host
            return "'\(scheme.rawValue)://\(Self.text(host: host, port: port))\(path)'"
        case .unix(let socket): return "--unix-socket '\(socket)' '\(scheme.rawValue)://localhost\(path)'"
        }
    }

    static func text(host: String, port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
