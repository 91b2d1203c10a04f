package import EventStream
import Glibc
package import Logging
package import StreamLoop
import Synchronization

/// All streams of a server: its loops, its routes, its counts. Everything here may be used from any thread.
package final class Runtime: Sendable {
    let loops: [LoopStreams]
    private let currentLimits: Mutex<Limits>
    let census: Census
    private let directory: HubDirectory
    private let peers: LoopSet
    private let routes = Mutex(RouteTable())
    private let nextLoop = Atomic<Int>(0)
    let watch: LoopWatch

    /// - Parameter systems: one for each loop.
    package init(systems: [LoopSystem], limits: Limits, logger: Logger) {
        precondition(!systems.isEmpty && systems.count <= 256, "a runtime has 1 to 256 loops")
        let census = Census(limits: limits)
        let directory = HubDirectory(startMicroseconds: wallClockMicroseconds())
        let peers = LoopSet()
        currentLimits = Mutex(limits)
        self.census = census
        self.directory = directory
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
        loops.allSatisfy { $0.start() } && watch.start()
    }

    /// One turn of each loop on the calling thread, for tests on virtual time.
    package func turn(waitingAtMost nanoseconds: Int64 = 0) {
        for streams in loops { streams.loop.turn(waitingAtMost: nanoseconds) }
    }

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
        let isShared = entry.description.isShared
        var resumption: Resumption?
        if entry.description.isResumable || entry.isOnTrial, !isShared {
            resumption = Resumption(request, in: census)
            guard resumption != nil || !entry.description.isResumable else {
                giveBack(entry)
                throw refusal("max-kept-request-bytes")
            }
        }
        // The thread of a shared stream is its hub's.
        let usesThread: Bool
        switch isShared ? .none : census.takeThread(for: entry, at: loops[0].loop.system.now()) {
        case .none: usesThread = false
        case .taken: usesThread = true
        case .refused:
            giveBack(entry)
            throw refusal("max-threads")
        }
        guard entry.generation.enter() else {
            if usesThread { census.threadIsFree() }
            giveBack(entry)
            return try openSuccessor(of: entry, request, door)
        }
        if isShared { return try join(entry, request, door) }
        let streams = loopForNewcomer
        let handoff = usesThread ? Handoff(limitBytes: limits.handoffBytes, isMarked: false) : nil
        handoff?.becomeThreaded(with: [])
        guard
            let token = streams.prepare(
                entry, Opening(door: door, peer: request.remoteAddress), handoff: handoff,
                resumption: resumption)
        else {
            if usesThread { census.threadIsFree() }
            giveBack(entry)
            entry.generation.leave()
            throw refusal("max-streams")
        }
        guard let handoff else {
            streams.loop.post { streams.dueCalls.append(.open(token, request)) }
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

    /// One after the other; those that a call holds are left out, unless all are held.
    private var loopForNewcomer: LoopStreams {
        for _ in 1..<loops.count {
            let streams = loops[nextLoop.add(1, ordering: .relaxed).oldValue % loops.count]
            if !streams.isHeld.load(ordering: .relaxed) { return streams }
        }
        return loops[nextLoop.add(1, ordering: .relaxed).oldValue % loops.count]
    }

    /// The producer was replaced between the match and here, and has ended, or its successor has the hub: what serves the path now is asked instead.
    private func openSuccessor(
        of entry: ProducerEntry, _ request: StreamRequest, _ door: any OpenAnswering
    ) throws(Overload) -> StreamToken {
        guard let match = route(for: request.path), match.entry !== entry, !match.isLeaving,
            let parameters = try? match.producer.resolve(path: match.values, query: request.query)
        else { throw refusal("reload") }
        var request = request
        request.parameters = parameters
        return try open(match, request, answering: door)
    }

    /// Has a subscriber join the hub of its parameters; all places are taken already.
    private func join(
        _ entry: ProducerEntry, _ request: StreamRequest, _ door: any OpenAnswering
    ) throws(Overload) -> StreamToken {
        let streams = loopForNewcomer
        let index = streams.loop.index
        let (name, asked) = (entry.description.name, historyAsked(entry, request))
        let key = HubKey(
            plugin: entry.description.plugin, producer: name, parameters: request.parameters.canonical)
        let joined = directory.join(
            key, entry: entry, home: index, settings: limits.hubs[name] ?? limits.hub, limit: limits.maxHubsPerProducer
        ) { sharedRequest(entry, request) }
        let hub: Hub
        switch joined {
        case .hub(let found): hub = found
        case .hubInPlace(let evicted, let new):
            census.countEvicted()
            loops[evicted.home].log.evicted(evicted)
            unused(evicted)
            hub = new
        case .full:
            giveBack(entry)
            entry.generation.leave()
            throw refusal("max-hubs-per-producer")
        case .superseded:
            giveBack(entry)
            entry.generation.leave()
            return try openSuccessor(of: entry, request, door)
        }
        let count: Int? = if case .count(let count) = asked { count } else { nil }
        let opening = Opening(
            door: door, peer: request.remoteAddress, lastEventID: request.lastEventID, historyCount: count)
        guard let token = streams.prepare(entry, opening, handoff: nil) else {
            if directory.leave(hub) { unused(hub) }
            giveBack(entry)
            entry.generation.leave()
            throw refusal("max-streams")
        }
        streams.loop.post {
            if case .invalid(let text) = asked {
                streams.refuseJoining(token, hub, "history must be a whole number, 0 or more, or all; it is “\(text)”")
            } else {
                streams.join(token, hub)
            }
        }
        return token
    }

    /// Tells the home loop that nobody uses a hub.
    private func unused(_ hub: Hub) { loops[hub.home].loop.post { [loops] in loops[hub.home].unused(hub) } }

    private enum HistoryAsked {
        case none
        case count(Int)
        case invalid(String)
    }

    /// `?history=N` or `all`; a producer with a parameter of that name keeps it for itself.
    private func historyAsked(_ entry: ProducerEntry, _ request: StreamRequest) -> HistoryAsked {
        guard let text = request.query.first(where: { $0.name == "history" })?.value,
            !entry.description.parameters.split(separator: ",").contains(where: {
                $0.split(separator: ":").first?.filter { $0 != " " } == "history"
            })
        else { return .none }
        if text == "all" { return .count(.max) }
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
            return .invalid(String(text.prefix(64)))
        }
        return .count(Int(text) ?? .max)
    }

    /// What the source of a hub may know of its first subscriber: an id that only the producer can have made, and nothing else.
    private func sharedRequest(_ entry: ProducerEntry, _ request: StreamRequest) -> StreamRequest {
        var shared = request
        shared.query = []
        shared.headers = []
        shared.remoteAddress = ""
        shared.method = "GET"
        shared.path = ""
        shared.body = []
        if !entry.description.isResumable || shared.lastEventID.map(HubNumbering.isHostMade) ?? false {
            shared.lastEventID = nil
        }
        return shared
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

    package func attach(_ stream: StreamToken, to transport: StreamTransport, head: [UInt8], form: ResponseForm) {
        withStreams(stream) { streams in
            streams.loop.post { streams.attach(stream, to: transport, head: head, form: form) }
        }
    }

    package func sinksDrained(_ tokens: [StreamToken]) {
        for streams in loops where tokens.contains(where: { $0.loop == streams.loop.index }) {
            streams.loop.post {
                for token in tokens where token.loop == streams.loop.index { streams.sinkDrained(token) }
            }
        }
    }

    package func sinkHalfClosed(_ stream: StreamToken) {
        withStreams(stream) { streams in streams.loop.post { streams.sinkHalfClosed(stream) } }
    }

    package func sinkClosed(_ stream: StreamToken) {
        withStreams(stream) { streams in streams.loop.post { streams.sinkClosed(stream) } }
    }

    /// A token that no loop of this runtime made is ignored: it may be anything that a plugin kept.
    func withStreams(_ token: StreamToken, _ body: (LoopStreams) -> Void) {
        if token.loop < loops.count { body(loops[token.loop]) }
    }
}

/// For the epochs of ids; clock_gettime(2).
private func wallClockMicroseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
}
