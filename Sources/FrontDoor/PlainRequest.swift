import NIOHTTP1

/// Reads the head of a request in the one form that nearly every subscriber sends: `GET`, HTTP/1.1, nothing unusual.
///
/// Whatever it accepts, NIO's parser accepts, too, and reads the same in it. Everything else, down to one blank too
/// many, is left to that parser, which alone decides what is HTTP and what is an attack on it.
enum PlainRequest {
    /// - Parameters:
    ///   - bytes: all that the client has sent.
    ///   - maxHeaderCount: a request with more headers is not a plain one.
    /// - Returns: `nil` if the bytes are not exactly one whole plain head.
    static func head(_ bytes: UnsafeRawBufferPointer, maxHeaderCount: Int) -> HTTPRequestHead? {
        guard bytes.starts(with: "GET /".utf8) else { return nil }
        var index = 4
        let target = take(from: &index, in: bytes) { isVisible($0) }
        guard skip(" HTTP/1.1\r\n", at: &index, in: bytes) else { return nil }
        var headers: [(String, String)] = []
        headers.reserveCapacity(8)
        var saysKeepAlive = false
        while !skip("\r\n", at: &index, in: bytes) {
            let name = take(from: &index, in: bytes, while: isNamePart)
            guard !name.isEmpty, headers.count < maxHeaderCount, skip(": ", at: &index, in: bytes) else { return nil }
            let value = take(from: &index, in: bytes) { isVisible($0) || $0 == blank }
            guard let first = value.first, let last = value.last, first != blank, last != blank,
                skip("\r\n", at: &index, in: bytes), !changesMeaning(name)
            else { return nil }
            if isSame(name, "connection") {
                guard !saysKeepAlive, isSame(value, "keep-alive") else { return nil }
                saysKeepAlive = true
            }
            headers.append((text(name), text(value)))
        }
        guard index == bytes.count else { return nil }
        return HTTPRequestHead(version: .http1_1, method: .GET, uri: text(target), headers: HTTPHeaders(headers))
    }

    /// Whether the header announces a body, or asks for other than the default treatment of the connection.
    private static func changesMeaning(_ name: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 6: isSame(name, "expect")
        case 7: isSame(name, "upgrade")
        case 14: isSame(name, "content-length")
        case 16: isSame(name, "proxy-connection")
        case 17: isSame(name, "transfer-encoding")
        default: false
        }
    }

    private static let blank = UInt8(ascii: " ")

    private static func isVisible(_ byte: UInt8) -> Bool { 0x21...0x7e ~= byte }

    /// The characters that names use, of those that RFC 9110 §5.6.2 allows.
    private static func isNamePart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    @inline(__always)
    private static func take(
        from index: inout Int, in bytes: UnsafeRawBufferPointer, while belongs: (UInt8) -> Bool
    ) -> UnsafeRawBufferPointer {
        let start = index
        while index < bytes.count, belongs(bytes[index]) { index += 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<index])
    }

    @inline(__always)
    private static func skip(_ text: StaticString, at index: inout Int, in bytes: UnsafeRawBufferPointer) -> Bool {
        let wanted = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard bytes.count - index >= wanted.count else { return false }
        for offset in 0..<wanted.count where bytes[index + offset] != wanted[offset] { return false }
        index += wanted.count
        return true
    }

    /// Ignores the case of letters.
    /// - Parameter text: in lower case.
    private static func isSame(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        let wanted = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return bytes.count == wanted.count
            && zip(bytes, wanted).allSatisfy { byte, wanted in
                (UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte) == wanted
            }
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
}
