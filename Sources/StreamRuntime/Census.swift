import Locks
import ProducerInterface
import Synchronization

/// How many of what there are, over all loops; any thread.
final class Census: Sendable {
    private let maxStreams: Atomic<Int>
    private let maxThreads: Atomic<Int>
    private let maxKeptBytes: Atomic<Int>
    private let stackSize: Atomic<Int>
    private let maxScheduled: Atomic<Int>
    private let streams = Atomic<Int>(0)
    private let threads = Atomic<Int>(0)
    private let keptBytes = Atomic<Int>(0)
    private let stuck = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)
    private let evicted = Atomic<Int>(0)
    private let hanging = Mutex(Hanging())
    private let idle = Condition()

    init(limits: Limits) {
        maxStreams = Atomic(limits.maxStreams)
        maxThreads = Atomic(limits.maxThreads)
        maxKeptBytes = Atomic(limits.maxKeptRequestBytes)
        stackSize = Atomic(limits.stackBytes)
        maxScheduled = Atomic(limits.maxScheduledCalls)
    }

    /// What is over a lower limit stays.
    func replaceLimits(_ limits: Limits) {
        maxStreams.store(limits.maxStreams, ordering: .relaxed)
        maxThreads.store(limits.maxThreads, ordering: .relaxed)
        maxKeptBytes.store(limits.maxKeptRequestBytes, ordering: .relaxed)
        stackSize.store(limits.stackBytes, ordering: .relaxed)
        maxScheduled.store(limits.maxScheduledCalls, ordering: .relaxed)
    }

    /// What the threads of streams get.
    var stackBytes: Int { stackSize.load(ordering: .relaxed) }
    var maxScheduledCalls: Int { maxScheduled.load(ordering: .relaxed) }

    /// Streams from before their `open` to after their `close`.
    var openStreams: Int { streams.load(ordering: .acquiring) }
    var usedThreads: Int { threads.load(ordering: .relaxed) }
    /// Streams that should have ended, but whose producer still runs.
    var stuckStreams: Int { stuck.load(ordering: .relaxed) }
    /// Requests that a limit turned away.
    var refusedRequests: Int { refused.load(ordering: .relaxed) }

    /// Takes a place for a stream: one of a subscriber's own, one that a subscriber joins with, or the stream of a hub.
    func takeStream() -> Bool {
        if streams.add(1, ordering: .relaxed).newValue <= maxStreams.load(ordering: .relaxed) { return true }
        streamIsOver()
        return false
    }

    /// A stream that brings no subscriber of its own: counted, but not limited, as the subscribers are.
    func addStream() { streams.add(1, ordering: .relaxed) }

    func streamIsOver() { streams.subtract(1, ordering: .releasing) }

    func takeThread() -> Bool {
        if threads.add(1, ordering: .relaxed).newValue <= maxThreads.load(ordering: .relaxed) { return true }
        threadIsFree()
        return false
    }

    /// For a stream that continues another: beyond the limit, until the other's thread is free. A loop has few of them at a time.
    func addThread() { threads.add(1, ordering: .relaxed) }

    func threadIsFree() { threads.subtract(1, ordering: .relaxed) }

    /// What the requests of resumable streams take, which are kept for as long as these live.
    var keptRequestBytes: Int { keptBytes.load(ordering: .relaxed) }

    func takeKeptBytes(_ count: Int) -> Bool {
        if keptBytes.add(count, ordering: .relaxed).newValue <= maxKeptBytes.load(ordering: .relaxed) { return true }
        freeKeptBytes(count)
        return false
    }

    func freeKeptBytes(_ count: Int) { keptBytes.subtract(count, ordering: .relaxed) }

    func countStuck() { stuck.add(1, ordering: .relaxed) }
    func countUnstuck() { stuck.subtract(1, ordering: .relaxed) }
    /// Shared streams that nobody used, and that were closed to make room for others.
    var evictedHubs: Int { evicted.load(ordering: .relaxed) }

    func countEvicted() { evicted.add(1, ordering: .relaxed) }
    func countRefused() { refused.add(1, ordering: .relaxed) }

    // MARK: Calls that hang

    private struct Hanging {
        var calls: [HangingCall] = []
        var tell: @Sendable ([HangingCall]) -> Void = { _ in }
    }

    func hangs(_ call: HangingCall) { changeHanging { $0.append(call) } }

    func noLongerHangs(_ stream: StreamToken) { changeHanging { $0.removeAll { $0.stream == stream } } }

    /// What is told is told in its order.
    private func changeHanging(_ change: (inout [HangingCall]) -> Void) {
        hanging.withLock { hanging in
            let before = hanging.calls.count
            change(&hanging.calls)
            if hanging.calls.count != before { hanging.tell(hanging.calls) }
        }
    }

    var hangingCalls: [HangingCall] { hanging.withLock { $0.calls } }

    func observeHangingCalls(_ tell: @escaping @Sendable ([HangingCall]) -> Void) {
        hanging.withLock { $0.tell = tell }
    }

    /// A loop has no stream and no connection left.
    func loopIsIdle() { idle.withLock { idle.broadcast() } }

    /// Blocks the caller until the condition holds, which is looked at whenever a loop became idle.
    /// - Parameter deadline: monotonic nanoseconds.
    /// - Returns: whether it holds.
    func wait(until deadline: Int64, for isReached: () -> Bool, now: () -> Int64) -> Bool {
        idle.withLock {
            while !isReached() {
                if now() >= deadline { return false }
                idle.wait(until: deadline)
            }
            return true
        }
    }
}
