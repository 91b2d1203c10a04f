import NIOCore
import ProducerInterface
import StreamRuntime
import Synchronization

/// A NIO channel that is a stream's subscriber: the way for every transport whose bytes are not the socket's own (TLS,
/// HTTP/2).
///
/// Its bytes are those that other subscribers send, too; the next batch is asked for when this one is written.
final class ChannelSubscriber: FrameSink {
    let token: StreamToken
    private let channel: any Channel
    private let connection: NIOLoopBound<ConnectionHandler>
    private let channelCarrier: ChannelCarrier
    var carrier: any FrameCarrier { channelCarrier }
    /// The stream may learn of it later than the loop ends, which takes no more messages then.
    private let isOver = Atomic(false)

    /// On the connection's loop.
    init(token: StreamToken, connection: ConnectionHandler, on channel: any Channel) {
        self.token = token
        self.channel = channel
        self.connection = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        channelCarrier = connection.roster.carrier
    }

    /// The channel is closed.
    func connectionEnded() { isOver.store(true, ordering: .releasing) }

    var hasEnded: Bool { isOver.load(ordering: .acquiring) }

    /// On the connection's loop.
    func write(_ bytes: ByteBuffer) {
        guard !hasEnded else { return }
        let written = channel.eventLoop.makePromise(of: Void.self)
        // A write that fails is followed by the channel's end, which says `sinkClosed`.
        written.futureResult.whenSuccess { [channelCarrier, token] in channelCarrier.wrote(token) }
        channel.writeAndFlush(bytes, promise: written)
    }

    func finish() {
        guard !hasEnded else { return }
        channel.eventLoop.execute { [connection] in connection.value.finishStream() }
    }

    func abort() {
        guard !hasEnded else { return }
        channel.eventLoop.execute { [connection] in connection.value.abortStream() }
    }
}
