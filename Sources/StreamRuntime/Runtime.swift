import Glibc
package import Logging
package import ProducerInterface
package import StreamLoop
import Synchronization
import SystemCalls

/// All streams of a server: its loops, its routes, its counts. Everything here may be used from any thread.
package final class Runtime: Sendable {
    let loops: [LoopStreams]
    private let currentLimits: Mutex<Limits>
    let census: Census
    private let peers: LoopSet
    private let routes = Mutex(RouteTable())
    private let loopCounter = Atomic<Int>(0)
    let watch: LoopWatch

    /// - Parameter systems: one for each loop.
    package init(systems: [LoopSystem], limits: Limits, logger: Logger) {
        precondition(!systems.isEmpty && systems.count <= 256, "a runtime has 1 to 256 loops")
        let census = Census(limits: limits)
        let directory = HubDirectory(startMicroseconds: wallClockMicroseconds())
        let peers = LoopSet()
        currentLimits = Mutex(limits)
        self.census = census
        self.peers = peers
        loops = systems.enumerated().map { index, system in
            LoopStreams(
                loop: Loop(index: index, system: system), limits: limits, log: StreamLog(logger: logger),
                census: census,
                directory: directory, peers: peers)
        }
        peers.loops = loops
        watch = LoopWatch(loops, limits: limits)
    }

    deinit {
        watch.stop()
        peers.loops = []
    }

    /// Starts a thread for each loop, and the one that watches them.
    /// - Returns: `false` if the system has none to give.
    package func start() -> Bool {
        loops.allSatisfy { LoopTakeover(streams: $0).startLoop() } && watch.start()
    }

    /// One turn of each loop on the calling thread, for tests on virtual time.
    package func turn(waitingAtMost nanoseconds: Int64 = 0) {
        for streams in loops { streams.loop.turn(waitingAtMost: nanoseconds) }
    }

    /// One after the other.
    var nextLoop: LoopStreams { loops[loopCounter.add(1, ordering: .relaxed).oldValue % loops.count] }

    var currentRoutes: RouteTable { routes.withLock { $0 } }
    var limits: Limits { currentLimits.withLock(\.self) }

    /// From now on these hold, for open streams too. What a stream was given when it opened (the size of its handoff, its history) stays.
    package func replaceLimits(_ limits: Limits) {
        currentLimits.withLock { $0 = limits }
        census.replaceLimits(limits)
        watch.takeLimits(limits)
        for streams in loops { streams.loop.post { streams.takeLimits(limits) } }
    }

    package func replaceRoutes(_ table: RouteTable) { routes.withLock { $0 = table } }

    /// The server stops: whoever comes all the same is turned away, where 404 would end an EventSource for good.
    func endRoutes() { routes.withLock { $0 = $0.ended } }

    package var openStreams: Int { census.openStreams }
    package var usedThreads: Int { census.usedThreads }
    package var stuckStreams: Int { census.stuckStreams }
    package var keptRequestBytes: Int { census.keptRequestBytes }
    package var refusedRequests: Int { census.refusedRequests }
    package var evictedHubs: Int { census.evictedHubs }
    /// Calls that hold a thread of a loop which went on without it; the oldest first.
    package var hangingCalls: [HangingCall] { census.hangingCalls }

    /// - Parameter tell: is called with all of them when one hangs or returns, from any thread.
    package func observeHangingCalls(_ tell: @escaping @Sendable ([HangingCall]) -> Void) {
        census.observeHangingCalls(tell)
    }

    /// Streams and connections that hold a place in a table.
    package var recordsInUse: Int { loops.reduce(0) { $0 + $1.table.inUse } }

    // MARK: Ends

    /// Ends all streams, or those of one generation: each subscriber gets what was produced, and a clean end. After the end of all
    /// no other opens.
    package func end(_ generation: Generation? = nil, _ reason: CloseReason) {
        for streams in loops { streams.loop.post { streams.endAll(of: generation, reason) } }
    }

    /// Has the streams of a replaced generation go on in the entries that succeed its own.
    func migrate(_ generation: Generation) {
        for streams in loops { streams.loop.post { streams.migrateAll(of: generation) } }
    }

    /// Blocks until no stream and no connection is left.
    /// - Parameter deadline: monotonic nanoseconds.
    /// - Returns: `false` if the deadline came first.
    package func waitUntilIdle(deadline: Int64) -> Bool {
        census.wait(until: deadline, for: { recordsInUse == 0 }, now: monotonicNanoseconds)
    }

    /// Drops all connections; to be called when `waitUntilIdle` was not enough.
    package func dropConnections() {
        for streams in loops { streams.loop.post { streams.dropAllConnections() } }
    }
}

/// For the epochs of ids; clock_gettime(2).
private func wallClockMicroseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
}
