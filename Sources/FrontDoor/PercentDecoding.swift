/// Strict percent-decoding: anything but well-formed escapes of valid UTF-8 is rejected, not passed on unchanged (RFC
/// 3986 §2.1).
enum PercentDecoding {
    /// - Parameter plusIsSpace: as in a query (`application/x-www-form-urlencoded`), not in a path.
    /// - Throws: what is wrong with the text, and where.
    static func decode(_ text: Substring.UTF8View, plusIsSpace: Bool) throws(TargetFault) -> String {
        guard text.contains(where: { $0 == percent || $0 == plus }) else { return String(Substring(text)) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            index = text.index(after: index)
            guard byte == percent else {
                bytes.append(byte == plus && plusIsSpace ? space : byte)
                continue
            }
            let digits = text[index...].prefix(2)
            guard digits.count == 2, let value = hexadecimal(digits) else {
                throw .badEscape("%" + String(Substring(digits)))
            }
            bytes.append(value)
            index = digits.endIndex
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw .notUTF8(String(Substring(text))) }
        return decoded
    }

    private static let percent = UInt8(ascii: "%")
    private static let plus = UInt8(ascii: "+")
    private static let space = UInt8(ascii: " ")

    private static func hexadecimal(_ digits: Substring.UTF8View.SubSequence) -> UInt8? {
        var value: UInt8 = 0
        for digit in digits {
            let four: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): four = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): four = digit - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): four = digit - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | four
        }
        return value
    }
}
