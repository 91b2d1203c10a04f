import EventStream
import Glibc
import ProducerInterface
import StreamLoop
import TestSupport

@testable import StreamRuntime

/// A runtime with its own loops and threads, and real sockets.
final class ThreadStage: Sendable {
    let log = FakeLog()
    let runtime: Runtime

    init(_ limits: Limits = Limits(), loops: Int = 1) {
        runtime = Runtime(systems: (0..<loops).map { _ in EpollSystem() }, limits: limits, logger: log.logger)
        precondition(runtime.start(), "no threads")
    }

    deinit {
        for streams in runtime.loops { streams.loop.post { streams.loop.stop() } }
    }

    /// Reads state that only a loop's own thread may read.
    func onLoop<Value: Sendable>(_ index: Int = 0, _ look: @escaping @Sendable (LoopStreams) -> Value) async -> Value {
        let streams = runtime.loops[index]
        return await withCheckedContinuation { seen in streams.loop.post { seen.resume(returning: look(streams)) } }
    }

    func entry(_ producer: FakeProducer, _ generation: Generation = Generation(plugin: "fakes", number: 1))
        -> ProducerEntry
    {
        ProducerEntry(producer: producer, generation: generation)
    }

    func open(_ entry: ProducerEntry) throws(Overload) -> RealVisitor {
        let door = FakeDoor()
        let token = try runtime.open(RouteMatch(entry: entry, values: []), .plain, answering: door)
        return RealVisitor(self, token, door)
    }

    /// Opens a stream with its connection.
    func subscribe(_ entry: ProducerEntry, tcp: Bool = false) async throws -> RealVisitor {
        let visitor = try open(entry)
        guard await eventually({ !visitor.door.answers.isEmpty }) else {
            throw TestFailure("the open was not answered")
        }
        visitor.attach(tcp: tcp)
        return visitor
    }

    /// Waits until no stream, connection or thread is left.
    func isIdle() async -> Bool {
        await eventually(within: .seconds(30)) {
            runtime.rowsInUse == 0 && runtime.figures().streams.open == 0 && runtime.figures().streams.threads == 0
                && runtime.counts.clients.streams.isEmpty
        }
    }
}

/// A subscriber over a real socket. For one task at a time.
final class RealVisitor: @unchecked Sendable {
    // Unchecked: only one task at a time uses it.
    let stage: ThreadStage
    let token: StreamToken
    let door: FakeDoor
    private var pair: SocketPair?
    private var received: [UInt8] = []
    private(set) var isAttached = false

    init(_ stage: ThreadStage, _ token: StreamToken, _ door: FakeDoor) {
        self.stage = stage
        self.token = token
        self.door = door
    }

    func attach(tcp: Bool = false) {
        let pair = SocketPair(tcp: tcp)
        isAttached = true
        self.pair = pair
        stage.runtime.attach(token, to: .descriptor(pair.takeOurs()), form: .reconnects)
    }

    func leave() { stage.runtime.leave(token) }
    func hangUp() { pair = nil }
    func reset() { pair?.resetPeer() }

    /// Everything that has arrived so far.
    @discardableResult
    func bytes() -> [UInt8] {
        if let pair {
            while true {
                let bytes = pair.peerReads()
                if bytes.isEmpty { break }
                received += bytes
            }
        }
        return received
    }

    /// Makes room in the socket by reading at most this many bytes.
    func read(atMost bytes: Int) {
        if let pair { received += pair.peerReads(atMost: bytes) }
    }

    /// The number of bytes read so far.
    var receivedBytes: Int { received.count }

    /// Everything that has arrived so far, except the preamble.
    func text() -> String {
        bytes()
        return String(decoding: received, as: UTF8.self).withoutPreamble
    }

    /// Whether the first frame has arrived completely, so the stream has its connection.
    var hasPreamble: Bool {
        bytes()
        return String(decoding: received, as: UTF8.self).contains(": sluice\n")
    }

    /// Waits until the received text is equal to `expected`.
    func receives(_ expected: String, within limit: Duration = .seconds(20)) async -> Bool {
        await eventually(within: limit) { text() == expected }
    }

    /// Waits until the stream has begun.
    func receivesPreamble() async -> Bool {
        await eventually {
            !bytes().isEmpty
        }
    }

    func emit(_ data: String) -> EmitOutcome {
        stage.runtime.emit(token) { frames in
            (try? EventEncoder().encode(Event(data: data), into: &frames)) != nil
        }
    }
}
