import NIOHTTP1
import SystemCalls

/// The names under which a server on a loopback address may be asked.
///
/// A page can make its own name resolve to 127.0.0.1 (DNS rebinding). The browser then takes what it reads there for
/// the page's own, and only the `Host` header still shows whose name it was.
package struct HostNames: Sendable, Equatable {
    private var names: Set<String>
    private var isAny: Bool

    /// - Parameter names: in lower case, without port; "*": any name. The loopback names are always accepted.
    package init(_ names: [String] = []) {
        self.names = Set(names)
        isAny = names.contains("*")
    }

    /// - Parameter authority: a host and, perhaps, a port.
    func accept(_ authority: Substring) -> Bool {
        if isAny { return true }
        guard let host = Self.host(of: authority) else { return false }
        return Self.isLoopback(host) || !names.isEmpty && names.contains(host.lowercased())
    }

    /// The host of a `Host` header: without port, and without the dot that may end a full name; `nil` if it is empty.
    static func host(of authority: Substring) -> Substring? {
        var host = authority
        if let colon = host.lastIndex(of: ":"), host[colon...].utf8.allSatisfy({ $0 != UInt8(ascii: "]") }) {
            host = host[..<colon]
        }
        if host.utf8.last == UInt8(ascii: ".") { host = host.dropLast() }
        return host.isEmpty ? nil : host
    }

    /// Whether every resolver maps the host to this machine (RFC 6761 §6.3), or it is a loopback address.
    static func isLoopback(_ host: Substring) -> Bool {
        let last = host.utf8.last
        if last == UInt8(ascii: "t") || last == UInt8(ascii: "T") {
            let name = host.lowercased()
            return name == "localhost" || name.hasSuffix(".localhost")
        }
        if host.utf8.first == UInt8(ascii: "[") {
            return last == UInt8(ascii: "]") && IPAddress(host.dropFirst().dropLast())?.isLoopback == true
        }
        return IPAddress(host)?.isLoopback == true
    }
}
