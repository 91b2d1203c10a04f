import EventStream
import Glibc
import Locks
import ProducerInterface
import StreamRuntime
import Synchronization
import SystemCalls

/// A subscriber of a stream that is checked, with a connection of its own. For one thread.
final class CheckVisitor: OpenAnswering, @unchecked Sendable {
    // Unchecked: the answer, which comes from any thread, is behind the lock; the rest is for one thread at a time.
    private let answered = Mutex<OpenAnswer?>(nil)
    private let arrived = Semaphore()
    private let runtime: Runtime
    private(set) var token: StreamToken!
    private var socket: Int32 = -1
    private var parser = EventParser(reporting: .blocks)
    /// The stream has said that it is complete.
    private(set) var isComplete = false

    /// Asks for a stream; its answer comes later.
    /// - Throws: `Overload` if the runtime has a limit that it would exceed.
    init(_ match: RouteMatch, _ request: StreamRequest, of runtime: Runtime) throws(Overload) {
        self.runtime = runtime
        token = try runtime.open(match, request, answering: self)
    }

    deinit { hangUp() }

    func answer(_ answer: OpenAnswer) {
        answered.withLock { $0 = answer }
        arrived.post()
    }

    /// - Returns: `nil` if none comes in time.
    func answer(within seconds: Int) -> OpenAnswer? {
        _ = arrived.wait(seconds: seconds)
        return answered.withLock { $0 }
    }

    /// Gives the stream its connection.
    /// - Parameter bufferBytes: of the socket's own, for a subscriber that hardly reads.
    func attach(bufferBytes: Int32? = nil) -> Bool {
        var pair: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &pair) == 0 else {
            leave()
            return false
        }
        if var bytes = bufferBytes {
            setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        socket = pair[1]
        runtime.attach(token, to: .descriptor(pair[0]), form: .reconnects)
        return true
    }

    /// Gives up before there is a connection.
    func leave() { runtime.leave(token) }

    func hangUp() {
        if socket >= 0 { close(socket) }
        socket = -1
    }

    func halfClose() { shutdown(socket, Int32(SHUT_WR)) }

    enum Read {
        case blocks([Event])
        /// The stream's end.
        case over
        case late
    }

    /// Waits for bytes, and takes what is there.
    func read(within milliseconds: Int32, atMost bytes: Int = 65536) -> Read {
        var wait = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, milliseconds) > 0 else { return .late }
        var buffer = [UInt8](repeating: 0, count: bytes)
        let count = Glibc.read(socket, &buffer, bytes)
        guard count > 0 else { return .over }
        let blocks = parser.feed(buffer[..<count])
        isComplete = isComplete || blocks.contains { EventID.isFinished($0.id) }
        return .blocks(blocks)
    }

    /// What the host says of the stream, and not of what is in it.
    private static func isHostsOwn(_ event: Event) -> Bool {
        ["sluice-build", "sluice-open", "sluice-end"].contains(event.type)
    }

    /// The next events with data, or an id, until there are so many, or the time is over.
    /// - Returns: them, and whether the stream came to its end.
    func events(_ count: Int, within milliseconds: Int64) -> ([Event], isOver: Bool) {
        let deadline = monotonicNanoseconds() + milliseconds * 1_000_000
        var events: [Event] = []
        while events.count < count {
            let left = (deadline - monotonicNanoseconds()) / 1_000_000
            guard left > 0 else { return (events, false) }
            switch read(within: Int32(left)) {
            case .blocks(let blocks): events += blocks.filter { $0.data != nil && !Self.isHostsOwn($0) }
            case .over: return (events, true)
            case .late: return (events, false)
            }
        }
        return (events, false)
    }
}
