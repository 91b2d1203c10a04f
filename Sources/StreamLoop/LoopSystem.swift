package import SystemCalls

/// What became of bytes given to a socket.
package enum SendOutcome: Equatable, Sendable {
    /// So many were taken, perhaps not all: then the socket is full until it becomes writable.
    case sent(Int)
    /// The socket is full.
    case full
    /// The connection is lost.
    case gone
}

/// What a connection has become ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 2)
    /// The connection broke, or both sides have ended it.
    package static let hangUp = Readiness(rawValue: 4)
}

package struct ReadyEvent: Sendable {
    /// As given to `add`.
    package var tag: UInt64
    package var readiness: Readiness
}

/// What the peer's input was.
package enum InputOutcome: Sendable {
    /// So many bytes were read and dropped; nothing is left to read.
    case dropped(Int)
    /// The peer has ended its sending side: nothing will come any more.
    case finished
    case broken
}

/// The operating system as a loop sees it: time, readiness, and sending on descriptors. `EpollSystem` is the real one,
/// `VirtualSystem` the one of tests. One loop's thread uses it; only `wakeUp` may come from any thread.
///
/// A class with overridable methods rather than a protocol or a generic: one indirect call beside a system call costs nothing,
/// and all above it stays one concrete piece of code.
package class LoopSystem {
    package init() {}

    package func now() -> MonotonicNanoseconds { fatalError("abstract") }

    /// How long the loop's thread has waited for a processor in all; 0 where that is unknown.
    package func runDelay() -> Nanoseconds { fatalError("abstract") }

    /// How much of a processor's time the loop's thread has used in all.
    package func processorTime() -> Nanoseconds { fatalError("abstract") }

    /// Runs a call that may wait on another thread.
    /// - Parameters:
    ///   - owner: whose call it is; those of different owners do not wait for one another.
    ///   - died: is called when the call has ended that thread, with pthread_exit(3).
    package func runElsewhere(
        _ call: @escaping @Sendable () -> Void, of owner: AnyObject, died: @escaping @Sendable () -> Void
    ) { fatalError("abstract") }

    /// Waits until something is ready, `wakeUp` is called, or the time is over.
    /// - Parameter timeout: negative waits without limit.
    /// - Returns: how many events were written.
    package func wait(timeout: Nanoseconds, into events: UnsafeMutableBufferPointer<ReadyEvent>) -> Int {
        fatalError("abstract")
    }

    package func wakeUp() { fatalError("abstract") }

    /// Watches a connected, non-blocking socket. Readiness is reported on its edges: once, until it changes again.
    /// - Returns: 0, or the error number.
    package func add(_ descriptor: Int32, tag: UInt64) -> Int32 { fatalError("abstract") }

    /// From now on readiness is reported under another tag, beginning with what the socket is ready for now.
    /// - Returns: 0, or the error number.
    package func rename(_ descriptor: Int32, tag: UInt64) -> Int32 { fatalError("abstract") }

    package func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> SendOutcome { fatalError("abstract") }

    /// Reads and drops what the peer sent, up to `limit` bytes.
    package func dropInput(_ descriptor: Int32, limit: Int) -> InputOutcome { fatalError("abstract") }

    /// The system itself gives a connection up when what was sent stays unacknowledged for so long (tcp(7), TCP_USER_TIMEOUT).
    package func setWriteDeadline(_ descriptor: Int32, milliseconds: Int64) { fatalError("abstract") }

    /// The address and port at the other end; `nil` where there is none.
    package func peerName(of descriptor: Int32) -> String? { nil }

    /// Milliseconds since the peer was last heard of (tcp(7), TCP_INFO): tells a slow reader from one that vanished. `nil`: unknown.
    package func silenceMilliseconds(of descriptor: Int32) -> Int64? { fatalError("abstract") }

    /// Milliseconds since the kernel last sent the peer anything of what it holds (tcp(7), TCP_INFO): while it does, the peer takes
    /// bytes, though there may be no room for others yet. `nil`: unknown.
    package func sendingPauseMilliseconds(of descriptor: Int32) -> Int64? { fatalError("abstract") }

    /// The connection broke because what was sent stayed unacknowledged for the write deadline. Asked once, after a hang-up.
    package func hasTimedOut(_ descriptor: Int32) -> Bool { fatalError("abstract") }

    /// Tells the peer that nothing follows.
    package func shutdownWriting(_ descriptor: Int32) { fatalError("abstract") }

    package func close(_ descriptor: Int32) { fatalError("abstract") }
}
