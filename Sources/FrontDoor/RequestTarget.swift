import NIOHTTP1
import ProducerInterface

/// What a request line asks for, split and checked: its path as sent, and its query decoded.
struct RequestTarget: Equatable {
    /// With its escapes, without the query; begins with a slash. "*" for `OPTIONS *`.
    let path: String
    /// In the order sent; a name without "=" has an empty value.
    let query: [StreamRequest.Field]

    /// - Parameter text: the target in origin form, absolute form or asterisk form (RFC 9112 §3.2).
    /// - Throws: what is wrong with it.
    init(_ text: String) throws(TargetFault) {
        guard text.utf8.allSatisfy({ 0x21...0x7e ~= $0 && $0 != UInt8(ascii: "#") }) else { throw .badCharacter }
        if text == "*" {
            (path, query) = ("*", [])
            return
        }
        let origin = try Self.originForm(text[...])
        let end = origin.utf8.firstIndex(of: UInt8(ascii: "?")) ?? origin.endIndex
        try Self.checkPath(origin[..<end])
        path = String(origin[..<end])
        query = end < origin.endIndex ? try Self.fields(origin[origin.utf8.index(after: end)...]) : []
    }

    /// The host that a request is for, with its port: the one in its target, or else in its `Host` header (RFC 9112
    /// §3.2.2). `nil` if it names none, as HTTP/1.0 allows.
    static func authority(of head: HTTPRequestHead) -> Substring? {
        if head.uri.utf8.first != UInt8(ascii: "/"), let scheme = head.uri.firstRange(of: "://") {
            let rest = head.uri[scheme.upperBound...]
            return rest[..<(rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex)]
        }
        return head.headers.first(name: "host").map { $0[...] }
    }

    /// The first value that the query has for a name.
    func queryValue(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    /// Removes scheme and authority: a server must accept a target that has them (RFC 9112 §3.2.2).
    private static func originForm(_ text: Substring) throws(TargetFault) -> Substring {
        if text.utf8.first == UInt8(ascii: "/") { return text }
        for scheme in ["http://", "https://"] where text.lowercased().hasPrefix(scheme) {
            let rest = text.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            guard end > rest.startIndex, FieldRules.isAuthority(rest[..<end]) else { throw .badAuthority }
            return rest[end...].first == "/" ? rest[end...] : "/" + rest[end...]
        }
        throw .noPath
    }

    /// Dot segments mean another path than the one written, and no honest client sends them: browsers resolve them
    /// first.
    private static func checkPath(_ path: Substring) throws(TargetFault) {
        guard path.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: ".") }) else { return }
        for segment in path.utf8.split(separator: UInt8(ascii: "/")) {
            let decoded = try PercentDecoding.decode(segment, plusIsSpace: false)
            if decoded == "." || decoded == ".." { throw .dotSegment }
            if decoded.utf8.contains(0) { throw .nulInPath }
        }
    }

    private static func fields(_ query: Substring) throws(TargetFault) -> [StreamRequest.Field] {
        var fields: [StreamRequest.Field] = []
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let end = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let value = end == pair.endIndex ? pair[end...] : pair[pair.index(after: end)...]
            fields.append(
                StreamRequest.Field(
                    try PercentDecoding.decode(pair[..<end], plusIsSpace: true),
                    try PercentDecoding.decode(value, plusIsSpace: true)))
        }
        return fields
    }
}

/// A request target that is not valid; the description is for the client.
enum TargetFault: Error, Equatable, CustomStringConvertible {
    case badCharacter
    case noPath
    case badAuthority
    case dotSegment
    case nulInPath
    case badEscape(String)
    case notUTF8(String)

    var description: String {
        switch self {
        case .badCharacter: "The request target contains a character that must be percent-encoded."
        case .noPath: "The request target must begin with a slash."
        case .badAuthority: "The request target has no host, or one that is malformed."
        case .dotSegment: "The path must not contain the segments “.” and “..”."
        case .nulInPath: "The path must not contain NUL."
        case .badEscape(let escape): "“\(escape)” is not a percent-escape; a literal “%” is written “%25”."
        // It can be a token.
        case .notUTF8(let text): "“\(text.prefix(20))\(text.count > 20 ? "…" : "")” does not decode to UTF-8."
        }
    }
}
