import NIOHTTP1
import ProducerInterface

/// What RFC 9110 and RFC 9112 require of a request's fields beyond what the parser checks. A connection that breaks one
/// of these rules is not trusted any further: where one reader sees an error, another may have seen a second request.
enum FieldRules {
    /// - Parameter head: its values must not have blanks around them.
    static func problem(with head: HTTPRequestHead) -> Problem? {
        problem(withValuesOf: head) ?? problem(withHostOf: head) ?? problem(withFramingOf: head)
            ?? problem(withExpectationOf: head)
    }

    /// RFC 9110 §5.5.
    private static func problem(withValuesOf head: HTTPRequestHead) -> Problem? {
        for header in head.headers where header.value.utf8.contains(where: { $0 < 0x20 && $0 != tab || $0 == 0x7f }) {
            return Problem(400, "The header \(header.name) contains a control character.")
        }
        return nil
    }

    /// RFC 9112 §3.2.
    private static func problem(withHostOf head: HTTPRequestHead) -> Problem? {
        let hosts = head.headers["host"]
        if hosts.count > 1 || (hosts.isEmpty && head.version != .http1_0) {
            return Problem(400, "An HTTP/1.1 request must have exactly one Host header.")
        }
        if let host = hosts.first, !isAuthority(host[...]) {
            return Problem(400, "The Host header must be a host, or a host and a port.")
        }
        return nil
    }

    /// RFC 9112 §6: where the body ends must be beyond doubt.
    private static func problem(withFramingOf head: HTTPRequestHead) -> Problem? {
        let lengths = head.headers["content-length"]
        if lengths.count > 1 || lengths.contains(where: { $0.isEmpty || !$0.utf8.allSatisfy(isDigit) }) {
            return Problem(400, "There must be one Content-Length, and it must be a number of bytes.")
        }
        guard head.headers.contains(name: "transfer-encoding") else { return nil }
        if head.version == .http1_0 { return Problem(400, "Transfer-Encoding is not part of HTTP/1.0.") }
        if !lengths.isEmpty { return Problem(400, "A request cannot have both Content-Length and Transfer-Encoding.") }
        let codings = head.headers["transfer-encoding"].flatMap { $0.utf8.split(separator: comma) }
            .map { String(Substring($0)).trimmed.lowercased() }.filter { !$0.isEmpty }
        guard codings.last == "chunked", !codings.dropLast().contains("chunked") else {
            return Problem(400, "The last transfer coding must be chunked, and no other can be.")
        }
        return codings.count == 1 ? nil : Problem(501, "The only transfer coding that this server supports is chunked.")
    }

    /// RFC 9110 §10.1.1; it has no meaning in HTTP/1.0.
    private static func problem(withExpectationOf head: HTTPRequestHead) -> Problem? {
        guard head.version != .http1_0,
            head.headers[canonicalForm: "expect"].contains(where: { !$0.isEmpty && $0.lowercased() != "100-continue" })
        else { return nil }
        return Problem(417, "The only expectation that this server supports is 100-continue.")
    }

    /// RFC 3986 §3.2, without user information, which HTTP does not allow (RFC 9110 §4.2.4). May be empty.
    static func isAuthority(_ text: Substring) -> Bool {
        var rest = text.utf8
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let address = rest[rest.index(after: rest.startIndex)..<end]
            guard !address.isEmpty, address.allSatisfy({ isHostByte($0) || $0 == colon }) else { return false }
            rest = rest[rest.index(after: end)...]
            guard rest.isEmpty || rest.first == colon else { return false }
        } else {
            let end = rest.firstIndex(of: colon) ?? rest.endIndex
            guard rest[..<end].allSatisfy({ isHostByte($0) || $0 == UInt8(ascii: "%") }) else { return false }
            rest = rest[end...]
        }
        return rest.dropFirst().allSatisfy(isDigit)
    }

    /// RFC 3986: `unreserved` and `sub-delims`.
    private static func isHostByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || "-._~!$&'()*+,;=".utf8.contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static let comma = UInt8(ascii: ",")
    private static let colon = UInt8(ascii: ":")
    private static let tab = UInt8(ascii: "\t")
}

extension HTTPRequestHead {
    /// Blanks around a value are not part of it (RFC 9110 §5.5); the parser leaves those that follow it.
    var withTrimmedValues: HTTPRequestHead {
        let isBlank = { (byte: UInt8?) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard headers.contains(where: { isBlank($0.value.utf8.last) || isBlank($0.value.utf8.first) }) else {
            return self
        }
        var head = self
        head.headers = HTTPHeaders(headers.map { ($0.name, $0.value.trimmed) })
        return head
    }
}
