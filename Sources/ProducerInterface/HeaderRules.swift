/// Rules that the code that checks a producer's headers shares with the code that writes them.
package enum HeaderRules {
    /// Headers that frame a stream's response, or control how it is cached: only the server sets them. In lower case.
    package static let serverOwned: Set<String> = [
        "cache-control", "connection", "content-encoding", "content-length", "content-type", "date", "keep-alive",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-accel-buffering",
        "x-content-type-options",
    ]

    /// Whether a header's name can contain this byte; RFC 9110, section 5.6.2.
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
