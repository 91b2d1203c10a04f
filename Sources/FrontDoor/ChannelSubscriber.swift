import EventStream
import NIOCore
import StreamRuntime
import Synchronization

/// A NIO channel that is a stream's subscriber: the way for every transport whose bytes are not the socket's own (TLS,
/// HTTP/2).
///
/// Each batch is one message to the channel's loop; the next is asked for when this one is written.
final class ChannelSubscriber: FrameSink {
    let token: StreamToken
    private let channel: any Channel
    private let connection: NIOLoopBound<ConnectionHandler>
    private let opener: any StreamOpener
    /// The stream may learn of it later than the loop ends, which takes no more messages then.
    private let hasEnded = Atomic(false)

    /// On the connection's loop.
    init(token: StreamToken, connection: ConnectionHandler, on channel: any Channel) {
        self.token = token
        self.channel = channel
        self.connection = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        opener = connection.roster.opener
    }

    /// The channel is closed.
    func connectionEnded() {
        hasEnded.store(true, ordering: .releasing)
    }

    func send(_ bytes: [UInt8]) {
        guard !hasEnded.load(ordering: .acquiring) else { return }
        let written = channel.eventLoop.makePromise(of: Void.self)
        // A write that fails is followed by the channel's end, which says `sinkClosed`.
        written.futureResult.whenSuccess { [opener, token] in opener.sinkDrained(token) }
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: written)
    }

    func finish() {
        guard !hasEnded.load(ordering: .acquiring) else { return }
        channel.eventLoop.execute { [connection] in connection.value.finishStream() }
    }

    func abort() {
        guard !hasEnded.load(ordering: .acquiring) else { return }
        channel.eventLoop.execute { [connection] in connection.value.abortStream() }
    }
}
