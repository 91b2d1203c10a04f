import Glibc

/// An address of the Internet Protocol. An IPv4 address and the IPv6 address that stands for it (`::ffff:192.0.2.1`,
/// RFC 4291 §2.5.5.2) are the same.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// The 128 bits of the IPv6 address, most significant first.
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// - Parameter bytes: 4 or 16, in network order.
    package init?(bytes: some Collection<UInt8>) {
        let number = { (bytes: any Collection<UInt8>) in bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4: self.init(high: 0, low: Self.mark | number(bytes))
        case 16: self.init(high: number(bytes.prefix(8)), low: number(bytes.dropFirst(8)))
        default: return nil
        }
    }

    /// In the usual notation, without brackets, port or zone; inet_pton(3).
    package init?(_ text: some StringProtocol) {
        guard !text.utf8.contains(0), text.utf8.count < 64 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        let family = text.utf8.contains(UInt8(ascii: ":")) ? AF_INET6 : AF_INET
        guard inet_pton(family, String(text), &bytes) == 1 else { return nil }
        self.init(bytes: family == AF_INET6 ? bytes[...] : bytes[..<4])
    }

    package static let loopbackIPv4 = IPAddress(high: 0, low: mark | 0x7f00_0001)
    package static let loopbackIPv6 = IPAddress(high: 0, low: 1)
    /// 0.0.0.0: all IPv4 addresses of this machine.
    package static let anyIPv4 = IPAddress(high: 0, low: mark)
    /// `::`: all addresses of this machine.
    package static let anyIPv6 = IPAddress(high: 0, low: 0)

    private static let mark: UInt64 = 0xffff << 32

    /// Whether it is an IPv4 address.
    package var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    package var isLoopback: Bool { isIPv4 ? low >> 24 & 0xff == 127 : high == 0 && low == 1 }

    /// 4 or 16, in network order.
    package var bytes: [UInt8] {
        let all = (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> UInt64(56 - 8 * ($0 % 8))) }
        return isIPv4 ? Array(all[12...]) : all
    }

    /// As RFC 5952 writes it.
    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = inet_ntop(isIPv4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// A block of addresses, such as `10.0.0.0/8` (RFC 4632 §3.1, RFC 4291 §2.3), or a single address.
package struct IPRange: Sendable, Hashable {
    let first: IPAddress
    /// How many of the 128 bits all its addresses have in common.
    let length: Int

    /// - Returns: `nil` for what is not an address or block, and for a block whose first address has further bits set,
    ///   such as `10.0.0.1/8`, which is probably a mistake.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first.flatMap({ IPAddress($0) }) else { return nil }
        let whole = first.isIPv4 && !parts[0].utf8.contains(UInt8(ascii: ":")) ? 32 : 128
        var length = whole
        if parts.count == 2 {
            guard let number = UInt8(parts[1]), String(number) == parts[1], number <= whole else { return nil }
            length = Int(number)
        }
        self.first = first
        self.length = length + 128 - whole
        guard first.high & ~mask.high == 0, first.low & ~mask.low == 0 else { return nil }
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.high & mask.high == first.high && address.low & mask.low == first.low
    }

    private var mask: (high: UInt64, low: UInt64) {
        // Shifting by 64 or more gives 0.
        (~0 << UInt64(max(0, 64 - length)), ~0 << UInt64(max(0, 128 - max(64, length))))
    }
}
