import Glibc
package import Logging
package import ProducerInterface
package import StreamLoop
import Synchronization
package import SystemCalls

/// All streams of a server: its loops, its routes, its counts. Any thread can use it.
package final class Runtime: Sendable {
    let loops: [LoopStreams]
    private let currentLimits: Mutex<Limits>
    let counts: StreamCounts
    let directory: HubDirectory
    private let peers: LoopSet
    private let routes = Mutex(RouteTable())
    private let loopCounter = Atomic<Int>(0)
    let watch: LoopWatch

    /// - Parameter systems: one for each loop.
    package convenience init(systems: [LoopSystem], limits: Limits, logger: Logger) {
        self.init(systems: systems, limits: limits, logger: logger) { settings in
            RingHistory(maxEvents: settings.historyEvents, maxBytes: settings.historyBytes)
        }
    }

    init(systems: [LoopSystem], limits: Limits, logger: Logger, history: @escaping HistoryMaking) {
        precondition(!systems.isEmpty && systems.count <= 256, "a runtime has 1 to 256 loops")
        let counts = StreamCounts(limits: limits)
        let directory = HubDirectory(startMicroseconds: wallClockMicroseconds(), history: history)
        let peers = LoopSet()
        currentLimits = Mutex(limits)
        self.counts = counts
        self.directory = directory
        self.peers = peers
        loops = systems.enumerated().map { index, system in
            LoopStreams(
                loop: Loop(index: index, system: system), limits: limits, log: StreamLog(logger: logger),
                counts: counts,
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
    /// - Returns: `false` if a thread cannot be started.
    package func start() -> Bool {
        loops.allSatisfy { LoopTakeover(streams: $0).startLoop() } && watch.start()
    }

    /// Makes one turn of each loop on the calling thread, for tests on virtual time.
    package func turn(waitingAtMost nanoseconds: Nanoseconds = 0) {
        for streams in loops { streams.loop.turn(waitingAtMost: nanoseconds) }
    }

    /// Goes through the loops one after the other.
    var nextLoop: LoopStreams { loops[loopCounter.add(1, ordering: .relaxed).oldValue % loops.count] }

    var currentRoutes: RouteTable { routes.withLock { $0 } }
    var limits: Limits { currentLimits.withLock(\.self) }

    /// These limits apply from now on, also to open streams. What a stream got when it opened (the size of its handoff,
    /// its history) does not change.
    package func replaceLimits(_ limits: Limits) {
        currentLimits.withLock { $0 = limits }
        counts.replaceLimits(limits)
        watch.takeLimits(limits)
        for streams in loops { streams.loop.post { streams.takeLimits(limits) } }
    }

    /// Drops what is kept of clients that have not opened a stream for a while; to be called about once a second.
    package func forgetIdleClients(at now: MonotonicNanoseconds) { counts.clients.forgetIdle(at: now) }

    package func replaceRoutes(_ table: RouteTable) { routes.withLock { $0 = table } }

    /// The server is stopping: new requests are rejected as an overload, because a 404 would stop an EventSource for
    /// good.
    func endRoutes() { routes.withLock { $0 = $0.ended } }

    /// - Parameter tell: called with all hanging calls whenever one is added or returns, from any thread.
    package func observeHangingCalls(_ tell: @escaping @Sendable ([HangingCall]) -> Void) {
        counts.hangingCalls.observe(tell)
    }

    /// Streams and connections that have a row in a loop's table.
    var rowsInUse: Int { loops.reduce(0) { $0 + $1.table.inUse } }

    // MARK: Ends

    /// Ends all streams, or those of one generation: each subscriber gets what was produced, and a clean end. After all
    /// streams were ended, no new one opens.
    package func end(_ generation: Generation? = nil, _ reason: CloseReason) {
        for streams in loops { streams.loop.post { streams.endAll(of: generation, reason) } }
    }

    /// Lets the streams of a replaced generation continue in the entries that succeed its own.
    func migrate(_ generation: Generation) {
        for streams in loops { streams.loop.post { streams.migrateAll(of: generation) } }
    }

    /// Blocks until no stream and no connection is left.
    /// - Returns: `false` if the deadline came first.
    package func waitUntilIdle(deadline: MonotonicNanoseconds) -> Bool {
        counts.wait(until: deadline, for: { rowsInUse == 0 }, now: monotonicNanoseconds)
    }

    /// Drops all connections. To be called if `waitUntilIdle` was not enough.
    package func dropConnections() {
        for streams in loops { streams.loop.post { streams.dropAllConnections() } }
    }
}
