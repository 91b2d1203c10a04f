/// Where a server listens: `127.0.0.1:8080`, `localhost:0`, `[::1]:8080`, `*:8080` or `:8080` for all addresses of this
/// machine, `unix:/run/sluice/http.sock`, or `systemd` for the sockets that a service manager has opened. Options can
/// follow, separated by blanks: `unix:/run/sluice/http.sock mode=660 group=www-data`, `:8080 proxy-protocol`.
package struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    package enum Place: Sendable, Equatable {
        /// A name or an address without brackets; `nil`: all addresses. Port 0: any free port.
        case host(String?, port: Int)
        case unix(path: String)
        /// The sockets that the service manager has opened, or those with this name alone (`FileDescriptorName=`).
        case systemd(name: String?)
    }

    package let place: Place
    /// The permissions of a socket in the file system.
    package private(set) var mode: UInt32 = 0o660
    /// The group of a socket in the file system; `nil`: that of the process.
    package private(set) var group: String?
    /// Connections begin with a PROXY header, in which a proxy names the client.
    package private(set) var acceptsProxyHeader = false

    package static let expectation =
        "HOST:PORT, such as 127.0.0.1:8080, [::1]:8080 or :8080 (port 0: any free port), unix:PATH, or systemd"

    /// The names of the options; `ConfigurationFile` accepts the same as keys.
    static let options = ["mode", "group", proxyHeader]
    static let proxyHeader = "proxy-protocol"
    /// The longest path that a socket address can hold, in bytes; unix(7).
    static let pathBytesMax = 107

    package init(host: String?, port: Int) { place = .host(host, port: port) }

    package init?(_ text: String) {
        let words = text.split(separator: " ")
        guard let first = words.first, let place = Self.place(first) else { return nil }
        self.place = place
        for word in words.dropFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard set(String(parts[0]), parts.count == 2 ? String(parts[1]) : nil) else { return nil }
        }
    }

    private mutating func set(_ option: String, _ value: String?) -> Bool {
        let isFile = if case .unix = place { true } else { false }
        switch (option, value) {
        case (Self.proxyHeader, nil), (Self.proxyHeader, "true"): acceptsProxyHeader = true
        case (Self.proxyHeader, "false"): acceptsProxyHeader = false
        case ("mode", let value?) where isFile:
            guard 3...4 ~= value.utf8.count, let mode = UInt32(value, radix: 8), mode <= 0o777 else { return false }
            self.mode = mode
        case ("group", let value?) where isFile && !value.isEmpty: group = value
        default: return false
        }
        return true
    }

    private static func place(_ text: Substring) -> Place? {
        guard !text.utf8.contains(0) else { return nil }
        if text == "systemd" { return .systemd(name: nil) }
        if let name = text.rest(after: "systemd:") { return name.isEmpty ? nil : .systemd(name: String(name)) }
        if let path = text.rest(after: "unix:") {
            return path.isEmpty || path.utf8.count > pathBytesMax ? nil : .unix(path: String(path))
        }
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isWholeNumber }), let port = UInt16(digits) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]"), host.contains(":") {
            host = host.dropFirst().dropLast()
        } else if host.contains(where: { ":[]".contains($0) }) {
            return nil
        }
        guard !host.contains(where: { $0.isWhitespace || $0 == "/" }) else { return nil }
        return .host(host.isEmpty || host == "*" ? nil : String(host), port: Int(port))
    }

    package var description: String {
        switch place {
        case .host(nil, let port): "*:\(port)"
        case .host(let host?, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .systemd(nil): "systemd"
        case .systemd(let name?): "systemd:\(name)"
        }
    }
}

extension Substring {
    func rest(after prefix: String) -> Substring? { hasPrefix(prefix) ? dropFirst(prefix.count) : nil }
}
