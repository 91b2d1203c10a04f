import ProducerInterface
import StreamLoop

@testable import StreamRuntime

/// The subscriber's side of a stream on virtual time: its request, and its connection, once it has one.
class VirtualSubscriber {
    let runtime: Runtime
    /// The system of its stream's loop.
    let system: VirtualSystem
    let token: StreamToken
    let door: FakeDoor
    /// -1 as long as there is none.
    private(set) var descriptor: Int32 = -1
    private(set) var sink: FakeSink?

    init(_ runtime: Runtime, _ systems: [VirtualSystem], _ token: StreamToken, _ door: FakeDoor) {
        self.runtime = runtime
        system = systems[token.loop]
        self.token = token
        self.door = door
    }

    var isAttached: Bool { descriptor >= 0 || sink != nil }
    var socket: VirtualSystem.Socket { system.sockets[descriptor]! }

    /// Creates its connection, without giving it to the stream.
    @discardableResult
    func connect(room: Int) -> Int32 {
        descriptor = system.makeSocket(room: room)
        return descriptor
    }

    /// Gives the stream the connection.
    func hand(head: String = "", form: ResponseForm) {
        runtime.attach(token, to: .descriptor(descriptor, head: Array(head.utf8)), form: form)
    }

    func hand(_ sink: FakeSink, form: ResponseForm) {
        self.sink = sink
        runtime.attach(token, to: .sink(sink), form: form)
    }

    func leave() { runtime.leave(token) }
    func read(_ bytes: Int) { system.makeRoom(descriptor, bytes) }
}
