import ProducerInterface

/// One hop in a `Forwarded` header (RFC 7239 §4).
struct ForwardedElement: Equatable {
    /// Empty if the element names none.
    private(set) var client = ""
    private(set) var host: String?
    private(set) var scheme: String?

    /// - Returns: the elements of one header; none if it is malformed, as then nothing in it can be believed.
    static func elements(of header: String) -> [ForwardedElement] {
        var elements = [ForwardedElement()]
        var rest = header.utf8[...]
        while true {
            skipBlanks(&rest)
            let name = take(&rest) { isToken($0) }
            if !name.isEmpty {
                guard rest.popFirst() == UInt8(ascii: "="), let value = value(&rest) else { return [] }
                elements[elements.count - 1].set(name.lowercased(), value)
            }
            skipBlanks(&rest)
            switch rest.popFirst() {
            case nil: return elements
            case UInt8(ascii: ";"): break
            case UInt8(ascii: ","): elements.append(ForwardedElement())
            default: return []
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

    private static func isToken(_ byte: UInt8) -> Bool { byte != UInt8(ascii: ",") && HeaderRules.isTokenByte(byte) }

    private static func skipBlanks(_ rest: inout Substring.UTF8View) {
        _ = take(&rest) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    private static func take(_ rest: inout Substring.UTF8View, _ belongs: (UInt8) -> Bool) -> String {
        let end = rest.firstIndex { !belongs($0) } ?? rest.endIndex
        defer { rest = rest[end...] }
        return String(Substring(rest[..<end]))
    }
}
