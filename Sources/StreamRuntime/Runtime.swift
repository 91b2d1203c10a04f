package import EventStream
package import Logging
package import StreamLoop
import Synchronization

/// All streams of a server: its loops, its routes, its counts. Everything here may be used from any thread.
package final class Runtime: Sendable {
    let loops: [LoopStreams]
    let limits: Limits
    let census: Census
    private let routes = Mutex(RouteTable())
    private let nextLoop = Atomic<Int>(0)

    /// - Parameter systems: one for each loop.
    package init(systems: [LoopSystem], limits: Limits, logger: Logger) {
        precondition(!systems.isEmpty && systems.count <= 256, "a runtime has 1 to 256 loops")
        let census = Census(limits: limits)
        self.limits = limits
        self.census = census
        loops = systems.enumerated().map { index, system in
            LoopStreams(
                loop: Loop(index: index, system: system), limits: limits, log: StreamLog(logger: logger), census: census
            )
        }
    }

    /// Starts a thread for each loop.
    /// - Returns: `false` if the system has none to give.
    package func start() -> Bool {
        loops.allSatisfy { streams in
            startThread(named: "sluice-loop-\(streams.loop.index)", stackBytes: 8 << 20) { streams.loop.run() }
        }
    }

    /// One turn of each loop on the calling thread, for tests on virtual time.
    package func turn(waitingAtMost nanoseconds: Int64 = 0) {
        for streams in loops { streams.loop.turn(waitingAtMost: nanoseconds) }
    }

    package func replaceRoutes(_ table: RouteTable) { routes.withLock { $0 = table } }

    package var openStreams: Int { census.openStreams }
    package var usedThreads: Int { census.usedThreads }
    package var stuckStreams: Int { census.stuckStreams }
    package var refusedRequests: Int { census.refusedRequests }
    /// Streams and connections that hold a place in a table.
    package var recordsInUse: Int { loops.reduce(0) { $0 + $1.table.inUse } }

    // MARK: Ends

    /// Ends all streams, or those of one generation: each subscriber gets what was produced, and a clean end. After the end of all
    /// no other opens.
    package func end(_ generation: Generation? = nil, _ reason: CloseReason) {
        for streams in loops { streams.loop.post { streams.endAll(of: generation, reason) } }
    }

    /// Blocks until no stream and no connection is left.
    /// - Parameter deadline: monotonic nanoseconds.
    /// - Returns: `false` if the deadline came first.
    package func waitUntilIdle(deadline: Int64) -> Bool {
        census.wait(until: deadline, for: { recordsInUse == 0 }, now: monotonicNanoseconds)
    }

    /// Drops all connections; to be called when `waitUntilIdle` was not enough.
    package func dropConnections() {
        for streams in loops { streams.loop.post { streams.dropAllLinks() } }
    }
}

extension Runtime: StreamOpener {
    package func route(for path: String) -> RouteMatch? { routes.withLock { $0 }.match(path) }

    package func open(
        _ match: RouteMatch, _ request: StreamRequest, answering door: any OpenAnswering
    ) throws(Overload) -> StreamToken {
        let entry = match.entry
        guard census.takeStream() else { throw refusal("max-streams") }
        guard entry.takePlace(limit: limits.maxStreamsPerProducer) else {
            census.streamIsOver()
            throw refusal("max-streams-per-producer")
        }
        let usesThread = entry.usesThreads
        if usesThread, !census.takeThread() {
            giveBack(entry)
            throw refusal("max-threads")
        }
        // Retired and shut down between the match and here: what serves the path now is known to the next request.
        guard entry.generation.enter() else {
            if usesThread { census.threadIsFree() }
            giveBack(entry)
            throw refusal("reload")
        }
        let streams = loops[nextLoop.add(1, ordering: .relaxed).oldValue % loops.count]
        let handoff = usesThread ? Handoff(limitBytes: limits.handoffBytes) : nil
        handoff?.becomeThreaded(with: [])
        guard let token = streams.prepare(entry, door: door, peer: request.remoteAddress, handoff: handoff) else {
            if usesThread { census.threadIsFree() }
            giveBack(entry)
            entry.generation.leave()
            throw refusal("max-streams")
        }
        guard let handoff else {
            streams.loop.post { streams.open(token, request) }
            return token
        }
        if !StreamThread.start(token, entry, handoff, streams, .open(request)) {
            census.threadIsFree()
            streams.loop.post {
                if let slot = streams.slot(token) { streams.skipOpening(slot) }
            }
        }
        return token
    }

    private func giveBack(_ entry: ProducerEntry) {
        entry.freePlace()
        census.streamIsOver()
    }

    private func refusal(_ limit: String) -> Overload {
        census.countRefused()
        return Overload(limit: limit)
    }

    package func leave(_ stream: StreamToken) {
        withStreams(stream) { streams in streams.loop.post { streams.leave(stream) } }
    }

    package func attach(_ stream: StreamToken, to transport: StreamTransport, head: [UInt8]) {
        withStreams(stream) { streams in streams.loop.post { streams.attach(stream, to: transport, head: head) } }
    }

    package func sinkDrained(_ stream: StreamToken) {
        withStreams(stream) { streams in streams.loop.post { streams.sinkDrained(stream) } }
    }

    package func sinkClosed(_ stream: StreamToken) {
        withStreams(stream) { streams in streams.loop.post { streams.sinkClosed(stream) } }
    }

    /// A token that no loop of this runtime made is ignored: it may be anything that a plugin kept.
    func withStreams(_ token: StreamToken, _ body: (LoopStreams) -> Void) {
        if token.loop < loops.count { body(loops[token.loop]) }
    }
}
