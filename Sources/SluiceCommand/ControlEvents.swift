import CLinux
import CStart
import CommandOutput
import Glibc
import Processes
import StreamLoop
import Synchronization
import SystemCalls

/// What the serving process waits for: signals, and its own notices.
///
/// None of them is a queue. Each is a state, which many that come together set once; requests to terminate are counted,
/// as the second one means more than the first. A pipe only wakes who waits, because write(2) is what a signal handler
/// may do.
struct ControlEvents: Sendable {
    enum Event: UInt8, CaseIterable {
        /// SIGTERM or SIGINT.
        case terminate
        /// SIGHUP.
        case reload
        /// SIGUSR1: log the ledger.
        case ledger
        /// Every stream and connection has ended, or their time is over.
        case drained
        /// A new generation has shown whether its streams live.
        case settled

        fileprivate var bit: UInt8 { 1 << rawValue }
    }

    private let readEnd: Int32

    /// Set by the first request to terminate, before anybody reads of it: for what takes long.
    static var isTerminating: Bool { Termination.isRequested }

    /// Takes over the signals that control a server. Once per process.
    init() throws(CommandFailure) {
        let pipes = [try Self.pipe(), try Self.pipe()]
        readEnd = pipes[0].read
        wakePipe = pipes[0].write
        urgency = (pipes[1].read, pipes[1].write)
        // Made before the handler needs them.
        Termination.beginCounting()
        arrived.store(0, ordering: .relaxed)
        for number in [SIGHUP, SIGTERM, SIGINT, SIGUSR1] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = signalArrived
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }
        // A connection that breaks while it is written to is an error of that call.
        signal(SIGPIPE, SIG_IGN)
        // What came since the very start of the process.
        if sluice_start_noted(SIGHUP) != 0 { arrive(.reload) }
        if sluice_start_noted(SIGUSR1) != 0 { arrive(.ledger) }
    }

    /// Both ends without blocking: who writes is a signal handler, and who reads empties it.
    private static func pipe() throws(CommandFailure) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard sluice_pipe(&ends) == 0, ends.allSatisfy({ fcntl($0, F_SETFL, O_NONBLOCK) == 0 }) else {
            throw CommandFailure("cannot make a pipe: \(systemError())")
        }
        return (ends[0], ends[1])
    }

    /// Has something done at the second request to terminate, on a thread that does nothing else: whatever the others
    /// are busy with, it comes at once. At the third the process is gone, if it still is there.
    /// - Returns: `false` if no thread can be started.
    func whenUrged(_ body: @escaping @Sendable () -> Void) -> Bool {
        startThread(named: "sluice-signals", stackBytes: 512 * 1024) {
            var wanted = pollfd(fd: urgency.read, events: Int16(POLLIN), revents: 0)
            while poll(&wanted, 1, -1) <= 0 {}
            body()
        }
    }

    func post(_ event: Event) { arrive(event) }

    /// Waits for the next events.
    /// - Parameter deadline: `nil` for none.
    /// - Returns: what has come since the last call: each kind once, but a request to terminate as often as it came,
    ///   and first; empty when
    ///   the deadline came first.
    func next(until deadline: MonotonicNanoseconds?, now: () -> MonotonicNanoseconds) -> [Event] {
        while true {
            let timeout = deadline.map { Int32(clamping: max(0, $0 - now() + 999_999) / 1_000_000) } ?? -1
            var wanted = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wanted, 1, timeout)
            if ready == 0 { return [] }
            if ready < 0 { continue }
            // Emptied first: who comes from here on wakes again.
            var bytes = [UInt8](repeating: 0, count: 512)
            while read(readEnd, &bytes, bytes.count) > 0 {}
            let events = take()
            if !events.isEmpty { return events }
        }
    }

    /// What has come, without waiting, but for what only the one who waits may take.
    /// - Parameter kinds: those that are taken; the others stay.
    func take(_ kinds: Set<Event> = Set(Event.allCases)) -> [Event] {
        let mask = kinds.reduce(0) { $0 | $1.bit }
        let bits = arrived.bitwiseAnd(~mask, ordering: .acquiringAndReleasing).oldValue & mask
        return Event.allCases.flatMap { event -> [Event] in
            guard bits & event.bit != 0 else { return [] }
            guard event == .terminate else { return [event] }
            let count = Termination.count
            return [Event](repeating: event, count: count - terminationsTaken.exchange(count, ordering: .relaxed))
        }
    }
}

/// Where the signal handler writes, and what it wakes: who waits for events, and who ends the process in a hurry. Set
/// once, before the handler can run; a descriptor is one word, and never closed.
private nonisolated(unsafe) var wakePipe: Int32 = -1
private nonisolated(unsafe) var urgency: (read: Int32, write: Int32) = (-1, -1)

/// The bits of the events that have come and were not taken.
private let arrived = Atomic<UInt8>(0)
private let terminationsTaken = Atomic(0)

private func arrive(_ event: ControlEvents.Event) {
    arrived.bitwiseOr(event.bit, ordering: .acquiringAndReleasing)
    var byte: UInt8 = 0
    // Full only when it wakes anyway.
    _ = write(wakePipe, &byte, 1)
}

private func signalArrived(_ number: Int32) {
    let saved = errno
    switch number {
    case SIGHUP: arrive(.reload)
    case SIGUSR1: arrive(.ledger)
    default:
        let count = Termination.request()
        arrive(.terminate)
        var byte: UInt8 = 0
        if count == 2 { _ = write(urgency.write, &byte, 1) }
        if count > 2 { _exit(1) }
    }
    errno = saved
}
