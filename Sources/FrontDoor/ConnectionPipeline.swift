import NIOCore
import NIOHTTP1

/// What stands between a connection's socket and its handler, when it speaks HTTP/1.x.
enum ConnectionPipeline {
    static func add(_ connection: ConnectionHandler) throws {
        let channel = connection.channel
        try channel.syncOptions?.setOption(.recvAllocator, value: readAllocator)
        try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HeadGuard(of: connection))
        try pipeline.addHandler(ByteToMessageHandler(decoder(connection.settings)))
        try pipeline.addHandler(connection)
    }

    /// What one read takes at most: enough for any usual head, little enough that the responses to a read full of
    /// pipelined requests stay small.
    private static let readAllocator = FixedSizeRecvByteBufferAllocator(capacity: 2048)

    private static func decoder(_ settings: ServerSettings) -> HTTPRequestDecoder {
        // The guard in front counts bytes; these keep the parser to the same limits within a body's trailers.
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = settings.maxHeadBytes
        limits.maxHeaderListSize = settings.maxHeadBytes
        limits.maxHeaderFieldCount = settings.maxHeaderCount
        return HTTPRequestDecoder(limitConfiguration: limits)
    }
}
