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
    /// The connection ends after this response, whatever the client asked for.
    var closes = false

    static let noContent = Response(status: 204)

    /// What the connection's state adds to a response's head.
    enum Persistence {
        /// Adds nothing: HTTP/1.1 keeps the connection by default.
        case persists
        /// An HTTP/1.0 client asked to keep the connection, and gets the confirmation.
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

extension ByteBuffer {
    mutating func writeStatusLine(_ status: Int) {
        writeStaticString("HTTP/1.1 ")
        writeString(String(status))
        writeStaticString(" ")
        writeString(HTTPResponseStatus(statusCode: status).reasonPhrase)
        writeStaticString("\r\n")
    }

    mutating func writeHeader(_ name: String, _ value: String) {
        writeString(name)
        writeStaticString(": ")
        writeString(value)
        writeStaticString("\r\n")
    }
}
