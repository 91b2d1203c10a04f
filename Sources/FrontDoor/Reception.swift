import NIOCore

/// On a listening channel: brings each accepted connection to the doorstep of its loop, and hands those that come in
/// from there to NIO, which registers them.
final class Reception: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private var loops: [ObjectIdentifier: NIOLoopBound<LoopConnections>]
    private let entrance: Entrance
    private var context: ChannelHandlerContext?

    init(_ loops: [ObjectIdentifier: NIOLoopBound<LoopConnections>], at entrance: Entrance) {
        self.loops = loops
        self.entrance = entrance
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        // They refer to the reception, too.
        loops = [:]
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        guard let connections = loops[ObjectIdentifier(channel.eventLoop)] else {
            preconditionFailure("every loop of the group has its connections")
        }
        let reception = NIOLoopBound(self, eventLoop: context.eventLoop)
        if channel.eventLoop.inEventLoop {
            connections.value.doorstep.arrived(channel, by: reception, at: entrance)
        } else {
            channel.eventLoop.execute { [entrance] in
                connections.value.doorstep.arrived(channel, by: reception, at: entrance)
            }
        }
    }

    /// On the listening channel's loop. A connection that arrives when nothing listens any longer is closed.
    func takeIn(_ channel: any Channel) {
        guard let context else { return channel.close(promise: nil) }
        context.fireChannelRead(wrapInboundOut(channel))
    }
}
