import ProducerInterface

/// The rules for the headers that a plugin adds to its response.
enum ResponseHeader {
    static let countMax = 32
    static let nameBytesMax = 128
    static let valueBytesMax = 4096

    /// When these are set again, they are added: their values cannot be combined in one line (RFC 9110, section 5.3).
    /// Any other header is replaced.
    static let repeatable: Set<String> = ["set-cookie", "www-authenticate"]

    /// - Returns: why the header is forbidden, as the rest of a sentence; `nil` if it is allowed.
    static func objection(to name: String, _ value: String) -> String? {
        guard !name.isEmpty, name.utf8.count <= nameBytesMax, name.utf8.allSatisfy(HeaderRules.isTokenByte) else {
            return "was given a name that HTTP forbids"
        }
        guard !HeaderRules.serverOwned.contains(name.lowercased()) else {
            return "was called for \(name), which only the server sets"
        }
        guard value.utf8.count <= valueBytesMax, value.utf8.allSatisfy(isValueByte), !isBlank(value.utf8.first),
            !isBlank(value.utf8.last)
        else {
            return "was given a value for \(name) that HTTP forbids"
        }
        return nil
    }

    /// RFC 9110, section 5.5, without `obs-text`: recipients read bytes beyond ASCII in different ways.
    private static func isValueByte(_ byte: UInt8) -> Bool {
        byte == 0x09 || (0x20...0x7e).contains(byte)
    }

    private static func isBlank(_ byte: UInt8?) -> Bool {
        byte == 0x20 || byte == 0x09
    }
}
