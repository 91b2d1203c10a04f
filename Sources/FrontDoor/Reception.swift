import NIOCore

/// Stands on the listening channel: brings each connection that was accepted to the doorstep of its loop, and those that come in from
/// there on to NIO, which registers them.
final class Reception: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private var rosters: [ObjectIdentifier: NIOLoopBound<ConnectionRoster>]
    private var context: ChannelHandlerContext?

    init(_ rosters: [ObjectIdentifier: NIOLoopBound<ConnectionRoster>]) {
        self.rosters = rosters
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        // They know it, too.
        rosters = [:]
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        guard let roster = rosters[ObjectIdentifier(channel.eventLoop)] else {
            preconditionFailure("every loop of the group has its roster")
        }
        let reception = NIOLoopBound(self, eventLoop: context.eventLoop)
        if channel.eventLoop.inEventLoop {
            roster.value.doorstep.arrived(channel, by: reception)
        } else {
            channel.eventLoop.execute { roster.value.doorstep.arrived(channel, by: reception) }
        }
    }

    /// On the listening channel's loop. Once nothing listens any longer, a connection that comes late is closed.
    func takeIn(_ channel: any Channel) {
        guard let context else { return channel.close(promise: nil) }
        context.fireChannelRead(wrapInboundOut(channel))
    }
}
