import NIOCore
import Synchronization

/// The front door's side of a page that is being made: takes its answer on any thread, and passes it to the
/// connection's loop, once.
final class PendingPage: Sendable {
    private let loop: any EventLoop
    /// Released with the answer or when the peer leaves, so that whoever makes the page does not keep the connection.
    private let connection: Mutex<NIOLoopBound<ConnectionHandler>?>

    /// On the connection's loop.
    init(for connection: ConnectionHandler) {
        loop = connection.channel.eventLoop
        self.connection = Mutex(NIOLoopBound(connection, eventLoop: loop))
    }

    func take(_ answer: Page.Answer) {
        guard let connection = connection.withLock({ $0.take() }) else { return }
        loop.execute { connection.value.exchange.made(answer) }
    }

    /// The answer is no longer wanted.
    func cancel() {
        connection.withLock { $0 = nil }
    }
}
