import NIOCore
import ProducerInterface
import StreamRuntime
import Synchronization

/// A NIO channel as a stream's subscriber: for every transport whose bytes are not the socket's own (TLS, HTTP/2).
///
/// It writes the head of its response itself, before the first bytes. The batches are the same bytes that other
/// subscribers get; the next one is requested when the last one is written.
final class ChannelSubscriber: FrameSink {
    let token: StreamToken
    private let channel: any Channel
    private let connection: NIOLoopBound<ConnectionHandler>
    /// `nil` once it is written.
    private let unwrittenHead: NIOLoopBoundBox<StreamHead?>
    private let isChunked: Bool
    private let channelCarrier: ChannelCarrier
    var carrier: any FrameCarrier { channelCarrier }
    /// The stream may learn of the end only after the loop has ended, which then takes no more messages.
    private let isOver = Atomic(false)

    /// On the connection's loop.
    /// - Parameter isChunked: the stream sends chunks of HTTP/1.1, and the head says so.
    init(token: StreamToken, head: StreamHead, isChunked: Bool, connection: ConnectionHandler) {
        self.token = token
        self.isChunked = isChunked
        channel = connection.channel
        self.connection = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        unwrittenHead = NIOLoopBoundBox(head, eventLoop: channel.eventLoop)
        channelCarrier = connection.connections.carrier
    }

    /// The channel is closed.
    func connectionEnded() { isOver.store(true, ordering: .releasing) }

    var hasEnded: Bool { isOver.load(ordering: .acquiring) }

    /// On the connection's loop.
    func write(_ bytes: ByteBuffer) {
        guard !hasEnded else { return }
        writeHead()
        let written = channel.eventLoop.makePromise(of: Void.self)
        // A write that fails is followed by the end of the channel, which is reported as `sinkClosed`.
        written.futureResult.whenSuccess { [channelCarrier, token] in channelCarrier.wrote(token) }
        channel.writeAndFlush(bytes, promise: written)
    }

    private func writeHead() {
        guard let head = unwrittenHead.value.take() else { return }
        var bytes = ByteBuffer()
        head.write(to: &bytes, isChunked: isChunked)
        channel.write(bytes, promise: nil)
    }

    func finish() {
        guard !hasEnded else { return }
        channel.eventLoop.execute { [self] in
            if !hasEnded { writeHead() }
            connection.value.handOver.finishStream()
        }
    }

    func abort() {
        guard !hasEnded else { return }
        channel.eventLoop.execute { [connection] in connection.value.handOver.abortStream() }
    }
}
