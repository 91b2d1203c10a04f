import FoundationEssentials

/// Base64 with the alphabet for URLs, without padding, as tokens and keys have it (RFC 7515 §2).
enum Base64URL {
    /// - Returns: `nil` if the text has any other character, padding, or bits that mean nothing.
    static func decode(_ text: some Collection<UInt8>) -> Data? {
        guard text.count % 4 != 1 else { return nil }
        var standard = Data(capacity: text.count + 3)
        for byte in text {
            switch byte {
            case UInt8(ascii: "-"): standard.append(UInt8(ascii: "+"))
            case UInt8(ascii: "_"): standard.append(UInt8(ascii: "/"))
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                standard.append(byte)
            default: return nil
            }
        }
        standard.append(contentsOf: repeatElement(UInt8(ascii: "="), count: (4 - text.count % 4) % 4))
        guard let bytes = Data(base64Encoded: standard) else { return nil }
        // Two texts must not mean the same: a copy of a token could then pass where the token itself is barred.
        return bytes.base64EncodedData() == standard ? bytes : nil
    }
}
