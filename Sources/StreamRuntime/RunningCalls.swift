import Glibc
import Locks
import ProducerInterface
import SystemCalls

/// The calls that another thread may have to wait for: of `interrupt`, and of scheduled functions. Each loop has one
/// instance, for the calls that the loop makes and those that the threads of its streams make.
///
/// After `host->closed`, and after a `host->opened` that refuses, a producer frees what these functions touch; and
/// `close` must not be called while an `interrupt` is running. So the thread that ends a stream first notes this in the
/// stream's gate, and then waits here; a call first counts as running, and then looks at the gate. One of the two sees
/// the other.
final class RunningCalls: @unchecked Sendable {
    // Unchecked: all mutable state is only touched within `condition.withLock`.
    private let condition = Condition()
    private var calls: [(stream: StreamToken, function: String, thread: pthread_t)] = []
    private var waiting = 0
    /// What runs after a stream's calls have ended.
    private var followers: [(stream: StreamToken, run: @Sendable () -> Void)] = []

    /// Runs a call of the stream's producer.
    /// - Parameters:
    ///   - function: for the log.
    ///   - isAllowed: looks at the gate.
    /// - Returns: `false` if it was not allowed.
    @discardableResult
    func run(_ stream: StreamToken, _ function: String, if isAllowed: () -> Bool, _ call: () -> Void) -> Bool {
        let thread = pthread_self()
        condition.withLock { calls.append((stream, function, thread)) }
        let isAllowed = isAllowed()
        if isAllowed { call() }
        let following = condition.withLock {
            // The newest of this thread, as that ends first.
            if let index = calls.lastIndex(where: { $0.stream == stream && $0.thread == thread }) {
                calls.remove(at: index)
            }
            if waiting > 0 { condition.broadcast() }
            return takeFollowers()
        }
        for follow in following { follow() }
        return isAllowed
    }

    private func takeFollowers() -> [@Sendable () -> Void] {
        guard !followers.isEmpty else { return [] }
        var taken: [@Sendable () -> Void] = []
        followers.removeAll { follower in
            if calls.contains(where: { $0.stream == follower.stream }) { return false }
            taken.append(follower.run)
            return true
        }
        return taken
    }

    /// Which function of the stream is running, if any.
    func function(of stream: StreamToken) -> String? {
        condition.withLock { calls.first { $0.stream == stream }?.function }
    }

    /// Whether no call of the stream is running.
    /// - Parameter follow: if a call is running, this is called when it is over.
    func isOver(_ stream: StreamToken, otherwise follow: @escaping @Sendable () -> Void) -> Bool {
        condition.withLock {
            guard calls.contains(where: { $0.stream == stream }) else { return true }
            followers.append((stream, follow))
            return false
        }
    }

    /// The calling thread ends during its calls.
    func forgetThread() {
        let thread = pthread_self()
        let following = condition.withLock {
            calls.removeAll { $0.thread == thread }
            condition.broadcast()
            return takeFollowers()
        }
        for follow in following { follow() }
    }

    /// Waits until no call of the stream is running, except one from which this is called.
    /// - Parameters:
    ///   - late: called once, after the deadline, if a call is still running; then the wait continues.
    func wait(for stream: StreamToken, deadline: MonotonicNanoseconds = .max, late: () -> Void = {}) {
        if !wait(for: stream, until: deadline) {
            late()
            _ = wait(for: stream, until: .max)
        }
    }

    /// - Returns: `false` if the deadline came first.
    private func wait(for stream: StreamToken, until deadline: MonotonicNanoseconds) -> Bool {
        let thread = pthread_self()
        return condition.withLock {
            waiting += 1
            defer { waiting -= 1 }
            while calls.contains(where: { $0.stream == stream && $0.thread != thread }) {
                if deadline != .max, monotonicNanoseconds() >= deadline { return false }
                condition.wait(until: deadline)
            }
            return true
        }
    }
}
