import NIOHTTP1
import ProducerInterface

/// Finds the token in a request: in the header `Authorization`, in the query, or in a cookie (RFC 6750 §2).
enum PresentedToken {
    /// - Returns: `nil` if there is none.
    static func find(
        in head: HTTPRequestHead, _ target: RequestTarget, _ rules: TokenRules
    ) throws(TokenObjection) -> Substring? {
        let bearer = try bearer(head)
        let inQuery = try rules.query.flatMap { name throws(TokenObjection) in try query(name, target) }
        if bearer != nil, inQuery != nil {
            throw .malformed("The request has two tokens, in Authorization and in its query.")
        }
        if let token = bearer ?? inQuery { return token }
        // Browsers send it unasked, so anything else takes precedence.
        return try rules.cookie.flatMap { name throws(TokenObjection) in try cookie(name, head) }
    }

    /// `Authorization: Bearer …`. What has another scheme is not for this server.
    private static func bearer(_ head: HTTPRequestHead) throws(TokenObjection) -> Substring? {
        let values = head.headers["authorization"]
        guard let value = values.first else { return nil }
        if values.count > 1 { throw .malformed("The request has several Authorization headers.") }
        let scheme = value.prefix { $0 != " " && $0 != "\t" }
        guard scheme.lowercased() == "bearer" else { return nil }
        let token = value[scheme.endIndex...].drop { $0 == " " || $0 == "\t" }
        guard isToken(token) else { throw .malformed("The Authorization header has no valid Bearer token.") }
        return token
    }

    private static func query(_ name: String, _ target: RequestTarget) throws(TokenObjection) -> Substring? {
        let values = target.query.filter { $0.name == name }.map(\.value)
        guard let value = values.first else { return nil }
        guard values.count == 1, isToken(value[...]) else {
            throw .malformed("The query has no valid token in its parameter \(name), or more than one.")
        }
        return value[...]
    }

    /// RFC 6265 §4.2.1. Two cookies of one name are of two origins, and nothing says which is meant (§8.6).
    private static func cookie(_ name: String, _ head: HTTPRequestHead) throws(TokenObjection) -> Substring? {
        var found: Substring?
        for header in head.headers["cookie"] {
            for pair in header.split(separator: ";") {
                let pair = pair.drop { $0 == " " || $0 == "\t" }
                guard let sign = pair.firstIndex(of: "="), pair[..<sign] == name else { continue }
                let value = pair[pair.index(after: sign)...]
                if let found, found != value { throw .malformed("The request has several cookies \(name).") }
                guard isToken(value) else { throw .malformed("The cookie \(name) has no valid token.") }
                found = value
            }
        }
        return found
    }

    /// The characters of a token (RFC 6750 §2.1).
    static func isToken(_ text: Substring) -> Bool {
        let body = text.utf8.prefix { $0 != UInt8(ascii: "=") }
        return !body.isEmpty && body.allSatisfy(isTokenByte)
            && text.utf8[body.endIndex...].allSatisfy { $0 == UInt8(ascii: "=") }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
