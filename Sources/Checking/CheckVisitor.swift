import EventStream
import Glibc
import Locks
import ProducerInterface
import StreamRuntime
import Synchronization
import SystemCalls

/// A subscriber of a stream under check, with its own connection. For one thread.
final class CheckVisitor: OpenAnswering, @unchecked Sendable {
    // Unchecked: the answer, which any thread can deliver, is protected by the lock; one thread at a time uses the
    // rest.
    private let answered = Mutex<OpenAnswer?>(nil)
    private let arrived = Semaphore()
    private let runtime: Runtime
    private(set) var token: StreamToken!
    private var socket: Int32 = -1
    private var parser = EventParser(reporting: .blocks)
    /// Whether the stream has sent its finished ID.
    private(set) var isComplete = false

    /// Requests a stream, whose answer arrives later.
    /// - Throws: `Overload` if the stream would exceed a limit of the runtime.
    init(_ match: RouteMatch, _ request: StreamRequest, of runtime: Runtime) throws(Overload) {
        self.runtime = runtime
        token = try runtime.open(match, request, answering: self)
    }

    deinit { hangUp() }

    func answer(_ answer: OpenAnswer) {
        answered.withLock { $0 = answer }
        arrived.post()
    }

    /// - Returns: `nil` after a timeout.
    func answer(within seconds: Int) -> OpenAnswer? {
        _ = arrived.wait(seconds: seconds)
        return answered.withLock { $0 }
    }

    /// Connects the stream.
    /// - Parameter bufferBytes: the size of the socket's send buffer, for a subscriber that reads slowly.
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

    /// Leaves before the stream is connected.
    func leave() { runtime.leave(token) }

    func hangUp() {
        if socket >= 0 { close(socket) }
        socket = -1
    }

    func halfClose() { shutdown(socket, Int32(SHUT_WR)) }

    enum Read {
        case blocks([Event])
        /// The stream has ended.
        case over
        case late
    }

    /// Waits for bytes, and reads those that are available.
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

    /// Whether the host itself sent the event.
    private static func isHostsOwn(_ event: Event) -> Bool {
        ["sluice-build", "sluice-open", "sluice-end"].contains(event.type)
    }

    /// The next events with data, up to `count`, until the time is up.
    /// - Returns: the events, and whether the stream has ended.
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
