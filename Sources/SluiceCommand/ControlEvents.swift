import Glibc
import Synchronization

/// What the serving process waits for, one at a time: signals, and its own notices. A pipe carries both, because write(2) is what a
/// signal handler may do.
struct ControlEvents: Sendable {
    enum Event: UInt8 {
        /// SIGHUP.
        case reload = 72
        /// SIGTERM or SIGINT.
        case terminate = 84
        /// SIGUSR1: log the ledger.
        case ledger = 76
        /// Every stream and connection has ended, or their time is over.
        case drained = 68
        /// A new generation has shown whether its streams live.
        case settled = 83
    }

    private let readEnd: Int32
    private let writeEnd: Int32

    /// Set by the first request to terminate, before anybody reads of it: for what takes long.
    static var isTerminating: Bool { terminationAsked.load(ordering: .relaxed) }

    /// Does some work during which SIGINT, SIGTERM and SIGHUP are only noted, in `isTerminating`, so that it can undo what it began. Not
    /// in a process that has `ControlEvents`.
    static func notingTermination<Result>(during work: () throws -> Result) rethrows -> Result {
        terminationAsked.store(false, ordering: .relaxed)
        let before = [SIGINT, SIGTERM, SIGHUP].map { number in
            var (noting, before) = (sigaction(), sigaction())
            noting.__sigaction_handler.sa_handler = { _ in terminationAsked.store(true, ordering: .relaxed) }
            noting.sa_flags = SA_RESTART
            sigaction(number, &noting, &before)
            return (number, before)
        }
        defer {
            for (number, action) in before {
                var action = action
                sigaction(number, &action, nil)
            }
        }
        return try work()
    }

    /// Takes over the signals that control a server. Once per process.
    init() throws(CommandFailure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0, fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0, fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0,
            fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0
        else { throw CommandFailure("cannot make a pipe: \(String(cString: strerror(errno)))") }
        readEnd = ends[0]
        writeEnd = ends[1]
        signalPipe = writeEnd
        // Made before the handler needs it.
        terminationAsked.store(false, ordering: .relaxed)
        for number in [SIGHUP, SIGTERM, SIGINT, SIGUSR1] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = signalArrived
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }
        // A connection that breaks while it is written to is an error of that call.
        signal(SIGPIPE, SIG_IGN)
    }

    func post(_ event: Event) {
        var byte = event.rawValue
        // Full only when thousands wait: the same kinds are among them.
        _ = write(writeEnd, &byte, 1)
    }

    /// Waits for the next events; those of one kind that are there together are one.
    /// - Parameter deadline: monotonic nanoseconds, or `nil` for none.
    /// - Returns: in the order of their arrival; empty when the deadline came first.
    func next(until deadline: Int64?, now: () -> Int64) -> [Event] {
        while true {
            let timeout = deadline.map { Int32(clamping: max(0, $0 - now() + 999_999) / 1_000_000) } ?? -1
            var wanted = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wanted, 1, timeout)
            if ready == 0 { return [] }
            if ready < 0 { continue }
            var bytes = [UInt8](repeating: 0, count: 512)
            let count = read(readEnd, &bytes, bytes.count)
            guard count > 0 else { continue }
            var events: [Event] = []
            // Two requests to terminate mean more than one.
            for event in bytes.prefix(count).compactMap(Event.init(rawValue:))
            where event == .terminate || !events.contains(event) {
                events.append(event)
            }
            return events
        }
    }
}

/// Where the signal handler writes. Set once, before the handler can run; a descriptor is one word, and never closed.
private nonisolated(unsafe) var signalPipe: Int32 = -1

private let terminationAsked = Atomic(false)

private func signalArrived(_ number: Int32) {
    let saved = errno
    if number == SIGTERM || number == SIGINT { terminationAsked.store(true, ordering: .relaxed) }
    var byte: UInt8 =
        switch number {
        case SIGHUP: ControlEvents.Event.reload.rawValue
        case SIGUSR1: ControlEvents.Event.ledger.rawValue
        default: ControlEvents.Event.terminate.rawValue
        }
    _ = write(signalPipe, &byte, 1)
    errno = saved
}
