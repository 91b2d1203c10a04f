import ProducerInterface

/// One hop in a `Forwarded` header (RFC 7239 §4).
struct ForwardedElement: Equatable {
    /// Empty if the element names none.
    private(set) var client = ""
    private(set) var host: String?
    private(set) var scheme: String?

    /// The elements of one header. What stands in front of a malformed one is left out, as it may be a client's attempt
    /// to make what proxies have added unreadable: the nearest proxy's element is the last.
    static func elements(of header: String) -> [ForwardedElement] {
        var elements: [ForwardedElement] = []
        // A comma in quotes would be part of a value, but neither addresses nor hosts have any.
        for text in header.split(separator: ",", omittingEmptySubsequences: false).reversed() {
            guard let element = ForwardedElement(text) else { break }
            elements.append(element)
        }
        return elements.reversed()
    }

    private init?(_ text: Substring) {
        var rest = text.utf8
        while true {
            Self.skipBlanks(&rest)
            let name = Self.take(&rest) { Self.isToken($0) }
            if !name.isEmpty {
                guard rest.popFirst() == UInt8(ascii: "="), let value = Self.value(&rest) else { return nil }
                set(name.lowercased(), value)
            }
            Self.skipBlanks(&rest)
            switch rest.popFirst() {
            case nil: return
            case UInt8(ascii: ";"): break
            default: return nil
            }
        }
    }

    private mutating func set(_ name: String, _ value: String) {
        switch name {
        case "for": client = value
        case "host": host = value
        case "proto": scheme = value
        default: break
        }
    }

    /// A token or a quoted string (RFC 9110 §5.6.4). A port is not part of a token, but many write it so.
    private static func value(_ rest: inout Substring.UTF8View) -> String? {
        guard rest.first == UInt8(ascii: "\"") else {
            return take(&rest) { isToken($0) || "[]:".utf8.contains($0) }
        }
        rest.removeFirst()
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") { return String(decoding: bytes, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            guard let escaped = rest.popFirst() else { return nil }
            bytes.append(escaped)
        }
        return nil
    }

    private static func isToken(_ byte: UInt8) -> Bool { HeaderRules.isTokenByte(byte) }

    private static func skipBlanks(_ rest: inout Substring.UTF8View) {
        _ = take(&rest) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    private static func take(_ rest: inout Substring.UTF8View, _ belongs: (UInt8) -> Bool) -> String {
        let end = rest.firstIndex { !belongs($0) } ?? rest.endIndex
        defer { rest = rest[end...] }
        return String(Substring(rest[..<end]))
    }
}
