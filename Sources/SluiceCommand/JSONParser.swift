/// Reads one JSON value (RFC 8259) from bytes that may be anything.
struct JSONParser {
    private var rest: ArraySlice<UInt8>
    private var depth = 0
    /// Deeper than anything that is sent here; keeps a hostile text from exhausting the stack.
    private static let depthMax = 32

    /// - Returns: `nil` for what is not exactly one value.
    static func parse(_ bytes: some Collection<UInt8>) -> JSONValue? {
        var parser = JSONParser(rest: ArraySlice(Array(bytes)))
        guard let value = parser.value() else { return nil }
        parser.skipBlanks()
        return parser.rest.isEmpty ? value : nil
    }

    private init(rest: ArraySlice<UInt8>) { self.rest = rest }

    private mutating func value() -> JSONValue? {
        skipBlanks()
        switch rest.first {
        case UInt8(ascii: "{"): return nested { $0.object() }
        case UInt8(ascii: "["): return nested { $0.array() }
        case UInt8(ascii: "\""): return string().map(JSONValue.text)
        case UInt8(ascii: "t"): return take("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return take("false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return take("null") ? .null : nil
        default: return number()
        }
    }

    private mutating func nested(_ body: (inout JSONParser) -> JSONValue?) -> JSONValue? {
        guard depth < Self.depthMax else { return nil }
        depth += 1
        defer { depth -= 1 }
        rest.removeFirst()
        return body(&self)
    }

    private mutating func object() -> JSONValue? {
        var members: [(name: String, value: JSONValue)] = []
        skipBlanks()
        if take("}") { return .object(members) }
        while true {
            skipBlanks()
            guard let name = string() else { return nil }
            skipBlanks()
            guard take(":"), let value = value() else { return nil }
            members.append((name, value))
            skipBlanks()
            if take("}") { return .object(members) }
            guard take(",") else { return nil }
        }
    }

    private mutating func array() -> JSONValue? {
        var values: [JSONValue] = []
        skipBlanks()
        if take("]") { return .array(values) }
        while true {
            guard let value = value() else { return nil }
            values.append(value)
            skipBlanks()
            if take("]") { return .array(values) }
            guard take(",") else { return nil }
        }
    }

    private mutating func string() -> String? {
        guard take("\"") else { return nil }
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = escape() else { return nil }
                bytes += Array(String(scalar).utf8)
            case 0..<0x20: return nil
            default: bytes.append(byte)
            }
        }
        return nil
    }

    /// What follows a backslash.
    private mutating func escape() -> Unicode.Scalar? {
        switch rest.popFirst() {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let first = codeUnit() else { return nil }
            guard UTF16.isLeadSurrogate(first) else { return Unicode.Scalar(first) }
            guard take("\\u"), let second = codeUnit(), UTF16.isTrailSurrogate(second) else { return nil }
            return Unicode.Scalar(0x10000 + (UInt32(first) & 0x3ff) << 10 + UInt32(second) & 0x3ff)
        default: return nil
        }
    }

    /// Four hexadecimal digits.
    private mutating func codeUnit() -> UInt16? {
        let digits = rest.prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
        rest.removeFirst(4)
        return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    private mutating func number() -> JSONValue? {
        let digits = rest.prefix { (48...57).contains($0) || "+-.eE".utf8.contains($0) }
        rest = rest.dropFirst(digits.count)
        let text = String(decoding: digits, as: UTF8.self)
        // What Swift reads and JSON does not allow: a plus sign, leading zeros, a bare point.
        let unsigned = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let (first, second) = (unsigned.first, unsigned.dropFirst().first)
        guard first?.isWholeNumber == true, first != "0" || second?.isWholeNumber != true,
            unsigned.last?.isWholeNumber == true,
            !unsigned.contains(".e"), !unsigned.contains(".E")
        else { return nil }
        if let integer = Int(text) { return .integer(integer) }
        return Double(text).flatMap { $0.isFinite ? .real($0) : nil }
    }

    // MARK: Bytes

    private mutating func take(_ text: StaticString) -> Bool {
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard rest.starts(with: wanted) else { return false }
        rest = rest.dropFirst(wanted.count)
        return true
    }

    private mutating func skipBlanks() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x0a || $0 == 0x0d || $0 == 0x09 }
    }
}
