import NIOCore
import StreamRuntime
import Synchronization

/// The front door's side of one open: takes the runtime's answer on any thread, and passes it to the connection's loop,
/// once.
final class PendingOpen: OpenAnswering {
    /// The number of this open among those of its connection.
    private let number: Int
    private let loop: any EventLoop
    /// Released with the answer or when the peer leaves, so that a runtime that keeps its `OpenAnswering` does not keep
    /// the connection.
    private let connection: Mutex<NIOLoopBound<ConnectionHandler>?>
    /// Left with the answer, or when it is no longer wanted.
    private let place: PendingOpens.Place

    /// On the connection's loop.
    init(_ number: Int, for connection: ConnectionHandler, in place: PendingOpens.Place, on loop: any EventLoop) {
        self.place = place
        self.number = number
        self.loop = loop
        self.connection = Mutex(NIOLoopBound(connection, eventLoop: loop))
    }

    func answer(_ answer: OpenAnswer) {
        guard let connection = connection.withLock({ $0.take() }) else { return }
        place.leave()
        loop.execute { [number] in connection.value.handOver.opened(with: answer, for: number) }
    }

    /// The answer is no longer wanted.
    func cancel() {
        if connection.withLock({ $0.take() }) != nil { place.leave() }
    }
}
