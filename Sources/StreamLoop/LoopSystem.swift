package import SystemCalls

/// What happened to bytes that were given to a socket.
package enum SendOutcome: Equatable, Sendable {
    /// This many bytes were taken, perhaps not all: then the socket is full until it becomes writable.
    case sent(Int)
    /// The socket is full.
    case full
    /// The connection is lost.
    case gone
}

/// What a connection is ready for.
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

/// What `dropInput` found.
package enum InputOutcome: Sendable {
    /// This many bytes were read and dropped: all that there were, or as many as the limit allows.
    case dropped(Int)
    /// The peer has ended its sending side: nothing more will come.
    case finished
    case broken
}

/// The operating system as a loop sees it: time, readiness, and sending on descriptors. `EpollSystem` is the real one,
/// `VirtualSystem` is for tests. Used by one loop's thread; only `wakeUp` can be called from any thread.
///
/// A class with overridable methods, not a protocol or a generic: one indirect call costs nothing beside a system call,
/// and the code above it stays concrete.
package class LoopSystem {
    package init() {}

    package func now() -> MonotonicNanoseconds { fatalError("abstract") }

    /// How long the loop's thread has waited for a processor in total; 0 if that is unknown.
    package func runDelay() -> Nanoseconds { fatalError("abstract") }

    /// How much processor time the loop's thread has used in total.
    package func processorTime() -> Nanoseconds { fatalError("abstract") }

    /// Runs a call that may wait, on another thread.
    /// - Parameters:
    ///   - owner: the owner of the call; calls of different owners do not wait for one another.
    ///   - died: is called if the call has ended that thread with pthread_exit(3).
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

    /// Makes the system give up a connection when sent data stays unacknowledged for this long (tcp(7),
    /// TCP_USER_TIMEOUT).
    package func setWriteDeadline(_ descriptor: Int32, milliseconds: Int64) { fatalError("abstract") }

    /// The address and port at the other end; `nil` if there is none.
    package func peerName(of descriptor: Int32) -> String? { nil }

    /// Milliseconds since the peer was last heard from (tcp(7), TCP_INFO): distinguishes a slow reader from one that
    /// has vanished. `nil`: unknown.
    package func silenceMilliseconds(of descriptor: Int32) -> Int64? { fatalError("abstract") }

    /// Milliseconds since the kernel last sent the peer any of the data that it holds (tcp(7), TCP_INFO): while it
    /// sends, the peer takes bytes, even if there is no room for more yet. `nil`: unknown.
    package func sendingPauseMilliseconds(of descriptor: Int32) -> Int64? { fatalError("abstract") }

    /// Whether the connection broke because sent data stayed unacknowledged for the write deadline. Asked once, after a
    /// hang-up.
    package func hasTimedOut(_ descriptor: Int32) -> Bool { fatalError("abstract") }

    /// Tells the peer that nothing follows.
    package func shutdownWriting(_ descriptor: Int32) { fatalError("abstract") }

    package func close(_ descriptor: Int32) { fatalError("abstract") }
}
