import SystemCalls

/// The header of the PROXY protocol, in which a proxy names its client before anything else on a connection.
///
/// Version 1 is a line of text, version 2 is binary: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, §2.
enum ProxyHeader: Equatable {
    /// - client: `nil` if the proxy speaks for itself, or does not know its client.
    /// - length: the size of the header, in bytes; what follows is the client's.
    case complete(client: ClientAddress?, length: Int)
    /// More bytes are needed.
    case incomplete
    case malformed

    /// A header with its extensions can be longer, but no proxy sends such a one without being told to.
    static let bytesMax = 4096
    /// With its line end; §2.1.
    private static let lineMax = 107
    private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

    /// - Parameter bytes: all that has arrived.
    init(_ bytes: UnsafeRawBufferPointer) {
        if bytes.isEmpty {
            self = .incomplete
        } else if bytes[0] == Self.signature[0] {
            self = Self.binary(bytes)
        } else {
            self = Self.line(bytes)
        }
    }

    private static func line(_ bytes: UnsafeRawBufferPointer) -> ProxyHeader {
        guard zip(bytes, "PROXY ".utf8).allSatisfy({ $0 == $1 }) else { return .malformed }
        guard let end = bytes.prefix(lineMax).firstIndex(of: UInt8(ascii: "\n")) else {
            return bytes.count < lineMax ? .incomplete : .malformed
        }
        guard end > 0, bytes[end - 1] == UInt8(ascii: "\r") else { return .malformed }
        let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[..<(end - 1)]), as: UTF8.self)
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        if words.count >= 2, words[1] == "UNKNOWN" { return .complete(client: nil, length: end + 1) }
        guard words.count == 6, let client = IPAddress(words[2]), IPAddress(words[3]) != nil,
            isPort(words[4]), isPort(words[5])
        else { return .malformed }
        let isIPv6 = { (word: Substring) in word.utf8.contains(UInt8(ascii: ":")) }
        guard isIPv6(words[2]) == isIPv6(words[3]), words[1] == (isIPv6(words[2]) ? "TCP6" : "TCP4") else {
            return .malformed
        }
        return .complete(client: .internet(client), length: end + 1)
    }

    private static func isPort(_ text: Substring) -> Bool { UInt16(text).map { String($0) == text } ?? false }

    private static func binary(_ bytes: UnsafeRawBufferPointer) -> ProxyHeader {
        guard zip(bytes, signature).allSatisfy({ $0 == $1 }) else { return .malformed }
        guard bytes.count >= 16 else { return .incomplete }
        let (command, family) = (bytes[12], bytes[13])
        let length = 16 + Int(bytes[14]) * 256 + Int(bytes[15])
        guard command == 0x20 || command == 0x21, length <= bytesMax else { return .malformed }
        guard bytes.count >= length else { return .incomplete }
        // LOCAL: the proxy itself asks, for example to see whether the server is there.
        if command == 0x20 { return .complete(client: nil, length: length) }
        let addresses = UnsafeRawBufferPointer(rebasing: bytes[16..<length])
        switch family {
        case 0x11: return client(addresses, size: 4, length)
        case 0x21: return client(addresses, size: 16, length)
        // Unspecified, datagrams, sockets in the file system.
        case 0x00, 0x12, 0x22, 0x31, 0x32: return .complete(client: nil, length: length)
        default: return .malformed
        }
    }

    /// Both addresses and both ports must be there; extensions can follow.
    private static func client(_ addresses: UnsafeRawBufferPointer, size: Int, _ length: Int) -> ProxyHeader {
        guard addresses.count >= 2 * size + 4, let address = IPAddress(bytes: addresses[..<size]) else {
            return .malformed
        }
        return .complete(client: .internet(address), length: length)
    }
}
