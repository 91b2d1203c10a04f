/// The host in a URL or a `Host` header.
enum HostName {
    /// Whether it is a name in ASCII, as browsers send it, or an address; an IPv6 address is in brackets.
    /// - Parameter text: in lower case.
    static func isValid(_ text: Substring) -> Bool {
        if let address = text.rest(after: "[") {
            return address.hasSuffix("]") && address.contains(":")
                && address.dropLast().utf8.allSatisfy { isLetterOrDigit($0) || ":.".utf8.contains($0) }
        }
        return !text.isEmpty && !text.hasPrefix(".") && !text.hasSuffix(".") && !text.contains("..")
            && text.utf8.allSatisfy { isLetterOrDigit($0) || "-._".utf8.contains($0) }
    }

    /// In ASCII, lower case.
    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }
}
