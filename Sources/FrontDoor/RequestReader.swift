import NIOCore
import NIOHTTP1

/// Reads a connection's requests as far as the parser does not: applies the limits on heads and bodies before the
/// parser gets their bytes, and says what is wrong with what the parser rejects.
struct RequestReader {
    /// The body of the request that is being read.
    var body = RequestBody()
    private var scan = HeadScan()
    /// The parser has rejected the method, and it is not known yet whether it is a method (501) or nonsense (400).
    private var isMethodUnknown = false

    /// What happens to bytes that have arrived.
    enum Reading {
        /// The parser may have them.
        case piece(ByteBuffer)
        case refusal(Response)
    }

    /// Takes from `bytes` what belongs to a head.
    mutating func admitHead(from bytes: inout ByteBuffer, _ settings: ServerSettings) -> Reading {
        let count = bytes.withUnsafeReadableBytes { scan.take($0) }
        for (offset, byte) in scan.corrections { bytes.setInteger(byte, at: bytes.readerIndex + offset) }
        guard scan.count <= settings.maxHeadBytes else { return .refusal(Refusal.headTooLarge(settings)) }
        if isMethodUnknown, let refusal = methodRefusal { return .refusal(refusal) }
        return .piece(bytes.readSlice(length: count) ?? ByteBuffer())
    }

    /// Takes from `bytes` what belongs to the body. What follows the body is a head again, and counted as one.
    mutating func admitBody(from bytes: inout ByteBuffer, _ settings: ServerSettings) -> Reading {
        let count = bytes.withUnsafeReadableBytes { body.take($0) }
        guard body.excessFraming <= settings.maxHeadBytes else { return .refusal(Refusal.framingTooLarge(settings)) }
        return .piece(bytes.readSlice(length: count) ?? ByteBuffer())
    }

    /// The parser has read a head.
    /// - Returns: why the request is refused, or `nil`.
    mutating func begin(_ head: HTTPRequestHead, at now: NIODeadline, _ settings: ServerSettings) -> Response? {
        body = RequestBody(of: head, pace: BodyPace(settings, from: now))
        if let problem = FieldRules.problem(with: head) { return problem.response }
        return RequestBody.announced(by: head) > settings.maxBodyBytes ? Refusal.bodyTooLarge(settings) : nil
    }

    /// The parser has read the end of the request: the next byte begins another head.
    mutating func end() { scan.reset() }

    /// - Returns: the response to what the parser rejects; `nil` if it depends on bytes that have not arrived yet.
    mutating func refusal(of error: HTTPParserError, in input: ConnectionState.Input, _ settings: ServerSettings)
        -> Response?
    {
        guard input == .head else { return Refusal.of(error, settings) }
        switch (error, scan.requestLine.state) {
        case (.invalidMethod, _):
            isMethodUnknown = true
            return methodRefusal
        case (.invalidVersion, .otherVersion), (.invalidVersion, .noVersion): return Refusal.unknownVersion
        default: return Refusal.of(error, settings)
        }
    }

    /// The parser stops at the first letter that begins no method it knows. What the method was is only known at the
    /// end of the line, in however many pieces that arrives.
    private var methodRefusal: Response? {
        switch scan.requestLine.state {
        case .complete: Refusal.unknownMethod
        case .otherVersion: Refusal.unknownVersion
        case .noVersion, .malformed: Refusal.malformed
        case .method, .target, .version: nil
        }
    }
}

/// The responses to what the parser or a limit refuses.
enum Refusal {
    static func headTooLarge(_ settings: ServerSettings) -> Response {
        Problem(
            431,
            "The request line and headers exceed \(settings.maxHeadBytes) bytes or \(settings.maxHeaderCount) headers."
        ).response
    }

    static func bodyTooLarge(_ settings: ServerSettings) -> Response {
        Problem(413, "The body exceeds \(settings.maxBodyBytes) bytes.").response
    }

    static func of(_ error: HTTPParserError, _ settings: ServerSettings) -> Response {
        error == .headerOverflow ? headTooLarge(settings) : malformed
    }

    static func framingTooLarge(_ settings: ServerSettings) -> Response {
        Problem(
            413,
            "The body's framing, such as the extensions of its chunks, exceeds \(settings.maxHeadBytes) bytes."
        ).response
    }

    static let headTooSlow = Problem(408, "The request headers took too long to arrive.").response
    static let malformed = Problem(400, "The request is not well-formed HTTP/1.1.").response
    static let unknownVersion = Problem(505, "This server supports only HTTP/1.1 and HTTP/1.0.").response
    static let unknownMethod = Problem(501, "This server does not support the request's method.").response
}
