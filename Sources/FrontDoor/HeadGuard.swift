import NIOCore

/// Stands between a socket and its parser, and lets through what the connection wants to read, so that the parser never
/// holds more than a head may have.
final class HeadGuard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// In the same pipeline, so that both live equally long.
    private unowned let connection: ConnectionHandler

    init(of connection: ConnectionHandler) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        while bytes.readableBytes > 0, let piece = connection.admit(&bytes) {
            context.fireChannelRead(wrapInboundOut(piece))
        }
    }
}
