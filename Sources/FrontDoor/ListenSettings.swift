/// One place where a server listens, and what applies to the requests that arrive there.
package struct ListenSettings: Sendable, Equatable, CustomStringConvertible {
    package enum Place: Sendable, Equatable {
        /// A name or a numeric address; `nil`: all addresses of this machine. Port 0 lets the system choose.
        case host(String?, port: Int)
        /// A socket in the file system. Only the user and the group may connect, or as the permissions say.
        case unix(path: String, mode: UInt32, group: String?)
        /// Sockets that listen already, opened by the service manager; those with this name, or all.
        case passed([Int32], name: String?)
    }

    package var scheme = ServerAddress.Scheme.http
    package var place: Place
    /// The names that a request may have in its `Host` header if the listener is on a loopback address.
    package var hosts = HostNames()
    /// Connections begin with a PROXY header; those of peers that are not trusted proxies are closed.
    package var expectsProxyHeader = false
    /// For requests to producers without a policy of their own, and for all others.
    package var crossOrigin = CrossOriginPolicy()

    package init(_ place: Place) { self.place = place }

    package init(host: String?, port: Int) { self.init(.host(host, port: port)) }

    package var description: String {
        switch place {
        case .host(nil, let port): "*:\(port)"
        case .host(let host?, let port): ServerAddress.text(host: host, port: port)
        case .unix(let path, _, _): "unix:\(path)"
        case .passed(_, nil): "systemd"
        case .passed(_, let name?): "systemd:\(name)"
        }
    }
}
