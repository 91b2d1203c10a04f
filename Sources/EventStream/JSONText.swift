extension [UInt8] {
    /// Appends `text` as a JSON string (RFC 8259 §7), with its quotes: whatever the text holds, the result is valid
    /// and cannot end a script element.
    package mutating func appendJSON(_ text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case UInt8(ascii: "\n"): append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\r"): append(contentsOf: "\\r".utf8)
            case UInt8(ascii: "\t"): append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7f, UInt8(ascii: "<"):
                append(contentsOf: (byte < 16 ? "\\u000" : "\\u00").utf8)
                append(contentsOf: String(byte, radix: 16).utf8)
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }
}
