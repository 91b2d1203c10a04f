import Glibc
import SystemCalls

/// The address of a socket.
enum SocketPlace: Equatable {
    case internet(IPAddress, port: Int)
    /// Empty for a socket without a name, as clients have.
    case unix(path: String)

    var address: IPAddress? {
        if case .internet(let address, _) = self { address } else { nil }
    }

    var family: Int32 {
        switch self {
        case .internet(let address, _): address.isIPv4 ? AF_INET : AF_INET6
        case .unix: AF_UNIX
        }
    }

    /// Whether two sockets that listen there would get the same connections, so that only one of them can. "::" stands
    /// for all addresses of both families, and port 0 for a free one.
    func overlaps(_ other: SocketPlace) -> Bool {
        switch (self, other) {
        case (.internet(let first, let port), .internet(let second, let otherPort)):
            port == otherPort && port != 0 && first.overlaps(second)
        case (.unix(let first), .unix(let second)): first == second
        default: false
        }
    }

    /// - Returns: `nil` for an address of another family.
    init?(_ address: UnsafePointer<sockaddr>?) {
        guard let address else { return nil }
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let found = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self)
            guard let address = withUnsafeBytes(of: found.sin_addr, { IPAddress(bytes: $0) }) else { return nil }
            self = .internet(address, port: Int(UInt16(bigEndian: found.sin_port)))
        case AF_INET6:
            let found = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self)
            guard let address = withUnsafeBytes(of: found.sin6_addr, { IPAddress(bytes: $0) }) else { return nil }
            self = .internet(address, port: Int(UInt16(bigEndian: found.sin6_port)))
        case AF_UNIX:
            let found = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_un.self)
            self = .unix(
                path: withUnsafeBytes(of: found.sun_path) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        default: return nil
        }
    }

    /// The address of a socket's own end; getsockname(2).
    init?(ofSocket descriptor: Int32) {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let place = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> SocketPlace? in
                getsockname(descriptor, address, &size) == 0 ? SocketPlace(address) : nil
            }
        }
        guard let place else { return nil }
        self = place
    }

    /// Calls a function with the address as the system wants it; only for the Internet.
    func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        guard case .internet(let ip, let port) = self else { preconditionFailure("it has no Internet address") }
        if ip.isIPv4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            withUnsafeMutableBytes(of: &address.sin_addr) { field in ip.withBytes { field.copyMemory(from: $0) } }
            return Self.with(&address, body)
        }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = UInt16(port).bigEndian
        withUnsafeMutableBytes(of: &address.sin6_addr) { field in ip.withBytes { field.copyMemory(from: $0) } }
        return Self.with(&address, body)
    }

    private static func with<Address, Result>(
        _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
        }
    }
}

extension IPAddress {
    fileprivate func overlaps(_ other: IPAddress) -> Bool {
        let all = isIPv4 && other.isIPv4 ? [Self.anyIPv4] : [Self.anyIPv6]
        return self == other || all.contains(self) || all.contains(other)
    }
}
