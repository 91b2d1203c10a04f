import EventStream
import NIOCore
import ProducerInterface

/// The head of a response that is a stream, as data: each transport writes it in its own protocol.
struct StreamHead: Equatable {
    let status: Int
    /// The server's headers, in this order, without those that belong to one version of HTTP.
    let fields: [StreamRequest.Field]
    /// The producer's headers; they come last.
    let added: [StreamRequest.Field]

    /// - Parameter added: the producer's headers that it may send.
    static func eventStream(date: String, adding added: [StreamRequest.Field] = []) -> StreamHead {
        StreamHead(
            status: 200,
            fields: [
                .init("Content-Type", "text/event-stream"), .init("Cache-Control", "no-store, no-transform"),
                .init("X-Accel-Buffering", "no"), .init("X-Content-Type-Options", "nosniff"), .init("Date", date),
            ],
            added: added)
    }

    /// As HTTP/1.x: the response ends with an empty chunk (RFC 9112 §7.1) or, if the client speaks HTTP/1.0, with its
    /// connection (§6.3, last case).
    func write(to buffer: inout ByteBuffer, isChunked: Bool) {
        buffer.writeStatusLine(status)
        for field in fields { buffer.writeHeader(field.name, field.value) }
        if isChunked { buffer.writeHeader("Transfer-Encoding", "chunked") }
        buffer.writeHeader("Connection", "close")
        for field in added { buffer.writeHeader(field.name, field.value) }
        buffer.writeStaticString("\r\n")
    }
}
