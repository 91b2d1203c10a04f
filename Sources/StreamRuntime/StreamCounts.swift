import Locks
import Synchronization
import SystemCalls

/// How many streams there are on all loops, what they occupy, and the limits of that. Any thread can use it.
final class StreamCounts: Sendable {
    private let maxStreams: Atomic<Int>
    private let maxThreads: Atomic<Int>
    private let maxKeptBytes: Atomic<Int>
    private let stackSize: Atomic<Int>
    private let maxScheduled: Atomic<Int>
    private let streams = Atomic<Int>(0)
    private let threads = Atomic<Int>(0)
    private let keptBytes = Atomic<Int>(0)
    private let stuck = Atomic<Int>(0)
    private let refused = Mutex<[String: Int]>([:])
    private let evicted = Atomic<Int>(0)
    let hangingCalls = HangingCalls()
    let clients = ClientCounts()
    private let idle = Condition()

    init(limits: Limits) {
        maxStreams = Atomic(limits.maxStreams)
        maxThreads = Atomic(limits.maxThreads)
        maxKeptBytes = Atomic(limits.maxKeptRequestBytes)
        stackSize = Atomic(limits.stackBytes)
        maxScheduled = Atomic(limits.maxScheduledCalls)
    }

    /// What already exceeds a lower limit stays.
    func replaceLimits(_ limits: Limits) {
        maxStreams.store(limits.maxStreams, ordering: .relaxed)
        maxThreads.store(limits.maxThreads, ordering: .relaxed)
        maxKeptBytes.store(limits.maxKeptRequestBytes, ordering: .relaxed)
        stackSize.store(limits.stackBytes, ordering: .relaxed)
        maxScheduled.store(limits.maxScheduledCalls, ordering: .relaxed)
    }

    /// The stack size of the threads of streams. Bytes.
    var stackBytes: Int { stackSize.load(ordering: .relaxed) }
    var maxScheduledCalls: Int { maxScheduled.load(ordering: .relaxed) }

    var figures: StreamFigures {
        StreamFigures(
            open: openStreams, stuck: stuck.load(ordering: .relaxed), threads: threads.load(ordering: .relaxed),
            refusedRequests: refused.withLock { $0.values.reduce(0, +) }, refusedByLimit: refused.withLock(\.self),
            keptRequestBytes: keptBytes.load(ordering: .relaxed))
    }

    /// Streams from before their `open` to after their `close`.
    var openStreams: Int { streams.load(ordering: .acquiring) }

    /// Takes a place for a stream: one with its own subscriber, one with which a subscriber joins, or the stream of a
    /// hub.
    func takeStream() -> Bool {
        if streams.add(1, ordering: .relaxed).newValue <= maxStreams.load(ordering: .relaxed) { return true }
        streamIsOver()
        return false
    }

    /// Adds a stream that brings no subscriber of its own. It is counted but not limited, because subscribers are.
    func addStream() { streams.add(1, ordering: .relaxed) }

    func streamIsOver() { streams.subtract(1, ordering: .releasing) }

    func takeThread() -> Bool {
        if threads.add(1, ordering: .relaxed).newValue <= maxThreads.load(ordering: .relaxed) { return true }
        threadIsFree()
        return false
    }

    /// For a stream that continues another: exceeds the limit until the other one's thread is free. A loop has few of
    /// them at a time.
    func addThread() { threads.add(1, ordering: .relaxed) }

    func threadIsFree() { threads.subtract(1, ordering: .relaxed) }

    func takeKeptBytes(_ count: Int) -> Bool {
        if keptBytes.add(count, ordering: .relaxed).newValue <= maxKeptBytes.load(ordering: .relaxed) { return true }
        freeKeptBytes(count)
        return false
    }

    func freeKeptBytes(_ count: Int) { keptBytes.subtract(count, ordering: .relaxed) }

    func countStuck() { stuck.add(1, ordering: .relaxed) }
    func countUnstuck() { stuck.subtract(1, ordering: .relaxed) }
    /// Unused shared streams that were closed to make room for others.
    var evictedHubs: Int { evicted.load(ordering: .relaxed) }

    func countEvicted() { evicted.add(1, ordering: .relaxed) }
    /// - Parameter limit: the limit that is reached, by name.
    func countRefused(_ limit: String) { refused.withLock { $0[limit, default: 0] += 1 } }

    /// A loop has no stream and no connection left.
    func loopIsIdle() { idle.withLock { idle.broadcast() } }

    /// Blocks the caller until the condition holds or the deadline passes. The condition is checked whenever a loop has
    /// become idle.
    /// - Returns: whether it holds.
    func wait(until deadline: MonotonicNanoseconds, for isReached: () -> Bool, now: () -> MonotonicNanoseconds) -> Bool
    {
        idle.withLock {
            while !isReached() {
                if now() >= deadline { return false }
                idle.wait(until: deadline)
            }
            return true
        }
    }
}
