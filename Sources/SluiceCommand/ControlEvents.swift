import CLinux
import CStart
import CommandOutput
import Glibc
import Processes
import StreamLoop
import Synchronization
import SystemCalls

/// The events that the serving process waits for: signals, and its own notices.
///
/// They are not queued. Each is a state, which is set once even if several arrive together. Only requests to terminate
/// are counted, because the second one means more than the first. A pipe only wakes the waiting thread: write(2) is one
/// of the few calls that signal handlers may make.
struct ControlEvents: Sendable {
    enum Event: UInt8, CaseIterable {
        /// SIGTERM or SIGINT.
        case terminate
        /// SIGHUP.
        case reload
        /// SIGUSR1: log the ledger.
        case ledger
        /// Every stream and connection has ended, or their time is up.
        case drained
        /// The streams of a new generation have succeeded or failed.
        case settled

        fileprivate var bit: UInt8 { 1 << rawValue }
    }

    private let readEnd: Int32

    /// Whether there has been a request to terminate, even if its event has not been read. For long operations.
    static var isTerminating: Bool { Termination.isRequested }

    /// Installs the handlers for the signals that control a server. Once per process.
    init() throws(CommandFailure) {
        let pipes = [try Self.pipe(), try Self.pipe()]
        readEnd = pipes[0].read
        wakePipe = pipes[0].write
        urgency = (pipes[1].read, pipes[1].write)
        // Initialized before the handler needs them.
        Termination.beginCounting()
        arrived.store(0, ordering: .relaxed)
        for number in [SIGHUP, SIGTERM, SIGINT, SIGUSR1] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = signalArrived
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }
        // Writing to a broken connection returns an error instead.
        signal(SIGPIPE, SIG_IGN)
        // Signals that have arrived since the start of the process.
        if sluice_start_noted(SIGHUP) != 0 { arrive(.reload) }
        if sluice_start_noted(SIGUSR1) != 0 { arrive(.ledger) }
    }

    /// Both ends are non-blocking: a signal handler writes, and the reader empties the pipe.
    private static func pipe() throws(CommandFailure) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard sluice_pipe(&ends) == 0, ends.allSatisfy({ fcntl($0, F_SETFL, O_NONBLOCK) == 0 }) else {
            throw CommandFailure("cannot make a pipe: \(systemError())")
        }
        return (ends[0], ends[1])
    }

    /// Calls a function at the second request to terminate, on its own thread, so that it runs immediately whatever the
    /// other threads are doing. At the third request, the process exits.
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
    /// - Parameter deadline: `nil`: no deadline.
    /// - Returns: the events since the last call: each kind once, except that requests to terminate come first and as
    ///   often as they arrived; empty after the deadline.
    func next(until deadline: MonotonicNanoseconds?, now: () -> MonotonicNanoseconds) -> [Event] {
        while true {
            let timeout = deadline.map { Int32(clamping: max(0, $0 - now() + 999_999) / 1_000_000) } ?? -1
            var wanted = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wanted, 1, timeout)
            if ready == 0 { return [] }
            if ready < 0 { continue }
            // The pipe is emptied first, so that later events wake this thread again.
            var bytes = [UInt8](repeating: 0, count: 512)
            while read(readEnd, &bytes, bytes.count) > 0 {}
            let events = take()
            if !events.isEmpty { return events }
        }
    }

    /// Takes the events that have arrived, without waiting. Only the waiting thread may take all of them.
    /// - Parameter kinds: the kinds to take; the others remain.
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

/// The pipes that the signal handler writes to: one wakes the thread that waits for events, the other the thread of
/// `whenUrged`. They are set once, before the handler can run. A descriptor is one word, and these are never closed.
private nonisolated(unsafe) var wakePipe: Int32 = -1
private nonisolated(unsafe) var urgency: (read: Int32, write: Int32) = (-1, -1)

/// The bits of the events that have arrived and not been taken.
private let arrived = Atomic<UInt8>(0)
private let terminationsTaken = Atomic(0)

private func arrive(_ event: ControlEvents.Event) {
    arrived.bitwiseOr(event.bit, ordering: .acquiringAndReleasing)
    var byte: UInt8 = 0
    // If the pipe is full, the thread wakes anyway.
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
