/// What those agree on who check the headers of a producer, and who write them.
package enum HeaderRules {
    /// What frames a stream's response, or says how it may be kept, is the server's to decide. In small letters.
    package static let serverOwned: Set<String> = [
        "cache-control", "connection", "content-encoding", "content-length", "content-type", "date", "keep-alive",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-accel-buffering",
        "x-content-type-options",
    ]

    /// What names are made of; RFC 9110, section 5.6.2.
    package static func isTokenByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}

/// In ASCII.
package func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: false
    }
}
