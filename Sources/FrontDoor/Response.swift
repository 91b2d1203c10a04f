import NIOCore
import NIOHTTP1
import ProducerInterface

/// A whole response that is not a stream.
struct Response {
    let status: Int
    /// `nil` for a response without a body (204).
    var type: String?
    var headers: [StreamRequest.Field] = []
    var body: [UInt8] = []
    /// The connection ends after it, whatever the client wished.
    var closes = false

    static let noContent = Response(status: 204)

    /// What the connection's state adds to a response's head.
    enum Persistence {
        /// Nothing to say: HTTP/1.1 goes on by itself.
        case persists
        /// An HTTP/1.0 client asked for it, and is told that it gets it.
        case keptAlive
        case closes

        fileprivate var header: StaticString {
            switch self {
            case .persists: ""
            case .keptAlive: "Connection: keep-alive\r\n"
            case .closes: "Connection: close\r\n"
            }
        }
    }

    /// - Parameter withBody: `false` for HEAD, whose head is that of GET.
    func write(to buffer: inout ByteBuffer, date: String, _ persistence: Persistence, withBody: Bool) {
        buffer.writeStatusLine(status)
        if let type {
            buffer.writeHeader("Content-Type", type)
            buffer.writeHeader("Content-Length", String(body.count))
        }
        for header in headers { buffer.writeHeader(header.name, header.value) }
        buffer.writeStaticString("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n")
        buffer.writeHeader("Date", date)
        buffer.writeStaticString(persistence.header)
        buffer.writeStaticString("\r\n")
        if withBody { buffer.writeBytes(body) }
    }
}

/// The head of a response that is a stream over HTTP/1.x: it ends with an empty chunk (RFC 9112 §7.1), or, where the client speaks
/// HTTP/1.0, with its connection (§6.3, last case).
enum StreamHead {
    static func write(
        to buffer: inout ByteBuffer, date: String, isChunked: Bool, headers: [StreamRequest.Field]
    ) {
        buffer.writeStaticString(
            """
            HTTP/1.1 200 OK\r
            Content-Type: text/event-stream\r
            Cache-Control: no-store, no-transform\r
            X-Accel-Buffering: no\r
            X-Content-Type-Options: nosniff\r

            """)
        buffer.writeHeader("Date", date)
        if isChunked { buffer.writeStaticString("Transfer-Encoding: chunked\r\n") }
        buffer.writeStaticString("Connection: close\r\n")
        for header in headers { buffer.writeHeader(header.name, header.value) }
        buffer.writeStaticString("\r\n")
    }

    /// Whether a producer may add this header: the names are tokens, the values hold no line end, and what frames and
    /// types the response is not its to say.
    static func allows(_ header: StreamRequest.Field) -> Bool {
        !header.name.isEmpty && header.name.utf8.allSatisfy(HeaderRules.isTokenByte)
            && header.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\t") }
            && !HeaderRules.serverOwned.contains(header.name.lowercased())
    }
}

extension ByteBuffer {
    fileprivate mutating func writeStatusLine(_ status: Int) {
        writeStaticString("HTTP/1.1 ")
        writeString(String(status))
        writeStaticString(" ")
        writeString(HTTPResponseStatus(statusCode: status).reasonPhrase)
        writeStaticString("\r\n")
    }

    fileprivate mutating func writeHeader(_ name: String, _ value: String) {
        writeString(name)
        writeStaticString(": ")
        writeString(value)
        writeStaticString("\r\n")
    }
}
