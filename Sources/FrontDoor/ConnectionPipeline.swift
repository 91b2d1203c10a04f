import NIOCore
import NIOHTTP1

/// The handlers between a connection's socket and its `ConnectionHandler`, for HTTP/1.x.
enum ConnectionPipeline {
    static func add(_ connection: ConnectionHandler) throws {
        let channel = connection.channel
        try channel.syncOptions?.setOption(.recvAllocator, value: readAllocator)
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        let pipeline = channel.pipeline.syncOperations
        if connection.entrance.expectsProxyHeader { try pipeline.addHandler(ProxyHeaderReader(of: connection)) }
        try pipeline.addHandler(HeadGuard(of: connection))
        try pipeline.addHandler(ByteToMessageHandler(decoder(connection.settings)))
        try pipeline.addHandler(connection)
    }

    /// The most that one read takes: enough for any usual head, and little enough that the responses to a read full of
    /// pipelined requests stay small.
    private static let readAllocator = FixedSizeRecvByteBufferAllocator(capacity: 2048)

    private static func decoder(_ settings: ServerSettings) -> HTTPRequestDecoder {
        // `HeadGuard` counts the bytes of heads. These settings apply the same limits to the trailers of a body.
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = settings.maxHeadBytes
        limits.maxHeaderListSize = settings.maxHeadBytes
        limits.maxHeaderFieldCount = settings.maxHeaderCount
        return HTTPRequestDecoder(limitConfiguration: limits)
    }
}
