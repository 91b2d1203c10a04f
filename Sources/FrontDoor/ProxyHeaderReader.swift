import Logging
import NIOCore

/// In front of a connection's other handlers: takes the PROXY header off, and closes a connection that has none, or
/// that does not come from a trusted proxy. Until the header is complete, it counts as a request that has not begun.
final class ProxyHeaderReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: ConnectionHandler
    /// What has arrived so far; `nil` once the header is complete, or the connection is refused.
    private var arrived: ByteBuffer? = ByteBuffer()
    private var isRefused = false

    init(of connection: ConnectionHandler) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard !isRefused else { return }
        guard arrived != nil else { return context.fireChannelRead(data) }
        guard connection.settings.proxies.contain(connection.socketPeer) else {
            return refuse("the listener is for proxies, and the peer is not in trusted-proxies", context)
        }
        arrived?.writeBuffer(&bytes)
        switch arrived?.withUnsafeReadableBytes({ ProxyHeader($0) }) {
        case .complete(let client, let length)?:
            connection.proxied(client)
            arrived?.moveReaderIndex(forwardBy: length)
            if let rest = arrived.take(), rest.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(rest)) }
        case .incomplete?: break
        case .malformed?, nil: refuse("it does not begin with a PROXY header", context)
        }
    }

    private func refuse(_ reason: String, _ context: ChannelHandlerContext) {
        isRefused = true
        arrived = nil
        connection.connections.counts.countRefused("proxy-header")
        connection.connections.refusals.warn(
            "a connection was refused", ["reason": "\(reason)", "address": "\(connection.socketPeer)"])
        connection.abort()
    }
}
