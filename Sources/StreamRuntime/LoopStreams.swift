import DequeModule
import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls

/// The streams that live on one loop.
///
/// A subscriber here is a descriptor and a few words in a table: it has no object, task or closure of its own. One
/// event of a non-blocking producer costs its `next`, its encoding into the loop's buffer, and its share of one `send`;
/// nothing is allocated or locked on the way, and everything happens on this thread.
///
/// This type has what the loop and other threads call; the operations on a row of the table are in its views
/// (`RowView`). The methods are for the loop's thread only, unless a comment says "any thread".
final class LoopStreams: LoopHandler, @unchecked Sendable {
    // Unchecked: the table's gates are locked and open to any thread; everything else is only touched on the loop's
    // thread.
    let loop: Loop
    let table = StreamTable()
    private(set) var limits: Limits
    let log: StreamLog
    let counts: StreamCounts
    let directory: HubDirectory
    /// This loop and the others.
    let peers: LoopSet
    let calls = ProducerCalls()
    let scheduled = LoopSchedule()
    let chores = Chores()
    let pulse = LoopPulse()
    /// The hubs that have subscribers here.
    var replicas: [ObjectIdentifier: HubReplica] = [:]
    var replicaSerial: UInt64 = 0
    var moved = MovedTokens()

    /// Where frames are encoded before they are sent. A call that never returns keeps the memory.
    private(set) var outputPlace = makeOutput()
    var output: FrameBuffer {
        @inline(__always) _read { yield outputPlace.pointee }
        @inline(__always) _modify { yield &outputPlace.pointee }
    }
    /// Rows that are served at the end of the turn: their producers are called, or they have more to send.
    var runQueue: Deque<StreamToken> = []
    /// Why all streams were ended, once they were; a stream whose request was still under way ends for the same reason.
    var endOfAll: CloseReason?
    /// Any thread. A call has held the loop for some time: newcomers go to other loops.
    let isHeld = Atomic(false)

    /// How many bytes are gathered for one `send`: enough to make the call cheap, few enough to stay in the cache and,
    /// with the event that exceeds the limit, to be one segment on the loopback interface (at most 65,483 bytes). 64
    /// KiB take two segments, and are a quarter slower.
    static let batchBytes = 48 * 1024
    /// How many batches a stream may send before the others have their turn.
    static let batchesPerTurn = 4
    /// How much of a turn serving may take before ready connections and due timers are handled.
    private static let servingTime: Nanoseconds = 10_000_000

    init(
        loop: Loop, limits: Limits, log: StreamLog, counts: StreamCounts, directory: HubDirectory, peers: LoopSet
    ) {
        self.loop = loop
        self.limits = limits
        self.log = log
        self.counts = counts
        self.directory = directory
        self.peers = peers
        loop.handler = self
    }

    deinit { Self.free(outputPlace) }

    private static func makeOutput() -> UnsafeMutablePointer<FrameBuffer> {
        let place = UnsafeMutablePointer<FrameBuffer>.allocate(capacity: 1)
        place.initialize(to: FrameBuffer(capacity: batchBytes + 16 * 1024, isChunked: true))
        return place
    }

    private static func free(_ place: UnsafeMutablePointer<FrameBuffer>) {
        place.deinitialize(count: 1)
        place.deallocate()
    }

    /// Takes a new output; the old one stays with a call that still writes to it.
    func leaveOutput() -> EncodedFrames {
        defer { outputPlace = Self.makeOutput() }
        return EncodedFrames(outputPlace)
    }

    /// Takes over new limits, and sets each row's timer again.
    func takeLimits(_ limits: Limits) {
        self.limits = limits
        for slot in slotsInUse {
            Connection(self, slot).applyWriteDeadline()
            RowTimer(self, slot).set()
        }
        for replica in replicas.values where replica.clock != 0 {
            HubSubscribers.clockFired(replica.clock, in: self)
        }
    }

    // MARK: Rows

    func token(_ slot: UInt32) -> StreamToken {
        StreamToken(loop: loop.index, slot: slot, epoch: table[slot].pointee.epoch)
    }

    /// The slot of the stream or subscriber that the token means, if the slot still belongs to that.
    func slot(_ token: StreamToken) -> UInt32? {
        let slot = token.slot
        guard let row = table.row(ifAllocated: slot), row.pointee.epoch == token.epoch else { return nil }
        return slot
    }

    /// All rows with a stream or a subscriber.
    private var slotsInUse: some Sequence<UInt32> {
        (1..<max(1, table.end)).lazy.filter { [table] in table[$0].pointee.entry != nil }
    }

    /// Frees a row that has neither a stream nor a connection any more. From now on, no token that was handed out has
    /// the row's epoch.
    func release(_ slot: UInt32) {
        precondition(
            table[slot].pointee.stream.phase == .over && table[slot].pointee.connection.link == .none,
            "a row is released when both sides are over")
        loop.setTimer(slot, to: .max)
        if !moved.isEmpty, table[slot].pointee.role != .clock { moved.forgetSink(of: token(slot)) }
        table[slot].pointee = StreamRow()
        if table.release(slot) == 0 { counts.loopIsIdle() }
    }

    /// Any thread. Runs the body with the gate of a stream that is not over.
    /// - Returns: `nil` if it is over.
    func withGate<Result>(_ token: StreamToken, _ body: (inout StreamGate) -> Result) -> Result? {
        table.withGate(of: token, body)
    }

    /// Any thread. The producer has said that the stream is over: from now on, users of its handle are told so.
    func handleIsStale(_ token: StreamToken) { _ = withGate(token) { $0.isLive = false } }

    /// Runs a call on another loop; on this loop, runs it immediately.
    func send(to index: Int, _ call: @escaping @Sendable (LoopStreams) -> Void) {
        if index == loop.index { return call(self) }
        let other = peers.loops[index]
        other.loop.post { call(other) }
    }

    // MARK: LoopHandler

    func ready(_ tag: UInt64, _ readiness: Readiness) {
        guard let token = StreamToken(raw: tag), let slot = slot(token) else { return }
        let connection = Connection(self, slot)
        guard table[slot].pointee.connection.descriptor >= 0 else { return }
        if readiness.contains(.hangUp) { return connection.peerLeft() }
        // After the peer's end there is nothing to read, whatever becomes ready.
        let isReading = readiness.contains(.readable) && !table[slot].pointee.connection.form.contains(.peerFinished)
        if isReading, !connection.dropInput() { return }
        if readiness.contains(.writable) { connection.flush() }
    }

    func woken(_ tag: UInt64) {
        guard let token = StreamToken(raw: tag), let slot = slot(token) else { return }
        let row = table[slot]
        let wasWoken = table.takeWake(slot)
        if wasWoken, row.pointee.stream.phase == .open, row.pointee.entry!.description.hasNext {
            row.pointee.stream.nextDue = 0
        }
        // The first emit on a stream makes its queue.
        let handoff = row.pointee.handoff ?? StreamQueue(self, slot).find()
        // The loop was told of the wake before the stream moved to its thread.
        if wasWoken, row.pointee.stream.isThreaded { handoff?.wakeThread() }
        pump(slot)
    }

    func due(_ slot: UInt32) {
        if slot == LoopSchedule.slot { return scheduled.timerFired(of: loop) }
        RowTimer(self, slot).fired()
    }

    func turnEnded() -> TurnEnd {
        // Opens and closes come last, as the other steps cause some of them.
        guard scheduled.run(in: self), serveQueue(), chores.run(in: self), calls.makeDue(in: self) else { return .lost }
        let hasMore = !calls.isEmpty || scheduled.isDue || !runQueue.isEmpty || chores.isWaiting
        return hasMore ? .more : .idle
    }

    private func serveQueue() -> Bool {
        guard !runQueue.isEmpty else { return true }
        let end = loop.updateNow() + Self.servingTime
        // A row that is queued again meanwhile waits for the next turn.
        for _ in 0..<runQueue.count {
            guard let token = runQueue.popFirst() else { break }
            guard let slot = slot(token) else { continue }
            table[slot].pointee.isQueued = false
            switch table[slot].pointee.role {
            case .exclusive: guard ExclusiveStream(self, slot).serve() else { return false }
            case .hubStream: guard HubStream(self, slot).serve() else { return false }
            case .hubSubscriber: HubSubscriber(self, slot).pump()
            case .clock: break
            }
            if loop.now >= end { break }
        }
        return true
    }

    /// Sends what is available without calling a producer.
    func pump(_ slot: UInt32) {
        switch table[slot].pointee.role {
        case .exclusive: ExclusiveStream(self, slot).pump()
        case .hubStream: HubStream(self, slot).pump()
        case .hubSubscriber: HubSubscriber(self, slot).pump()
        case .clock: break
        }
    }

    // MARK: Calls of the front door

    /// The front door lost the peer, or cannot send the response.
    func leave(_ token: StreamToken) {
        if let slot = slot(moved.takeDoor(token)) { Connection(self, slot).leave() }
    }

    /// The connection of an opened stream is here.
    func attach(_ known: StreamToken, to transport: StreamTransport, form: ResponseForm) {
        guard let slot = slot(moved.takeDoor(known)), table[slot].pointee.connection.link == .waiting,
            !table[slot].pointee.isOpening
        else {
            switch transport {
            case .descriptor(let descriptor, _): loop.system.close(descriptor)
            case .sink(let sink): sink.abort()
            }
            return
        }
        Connection(self, slot).attach(transport, known: known, form: form)
    }

    func sinkDrained(_ token: StreamToken) { withSink(token) { $0.sinkDrained() } }
    func sinkHalfClosed(_ token: StreamToken) { withSink(token) { $0.sinkHalfClosed() } }
    func sinkClosed(_ token: StreamToken) { withSink(token) { $0.sinkClosed() } }

    private func withSink(_ token: StreamToken, _ body: (Connection) -> Void) {
        if let slot = slot(moved.sink(token)) { body(Connection(self, slot)) }
    }

    // MARK: Calls of producers

    /// `opened` was called for a stream that lived on the loop.
    func answered(_ token: StreamToken, _ outcome: OpenOutcome) {
        guard let slot = slot(token) else { return }
        // The stream may have moved to a thread since, which then waits for the answer.
        if table[slot].pointee.stream.isThreaded { return table[slot].pointee.handoff!.answerOpen(outcome) }
        StreamOpening(self, slot).answered(outcome)
    }

    /// `closed` was called for a stream that lived on the loop.
    func answeredClose(_ token: StreamToken) {
        guard let slot = slot(token) else { return }
        if table[slot].pointee.stream.isThreaded { return table[slot].pointee.handoff!.signalClosed() }
        StreamEnding(self, slot).closed()
    }

    func schedule(_ token: StreamToken, due: MonotonicNanoseconds, _ call: ProducerCall) {
        // The stream may have ended before this arrived, and still have its connection: then the call never runs.
        guard let slot = slot(token), table[slot].pointee.stream.phase != .over else { return }
        if table[slot].pointee.stream.isThreaded {
            table[slot].pointee.handoff!.schedule(due: due, stream: token, call)
        } else {
            scheduled.add(to: StreamEnding(self, slot), due: due, call)
        }
    }

    /// The producer is not done with this stream yet.
    func isLive(_ token: StreamToken) -> Bool { slot(token).map { table[$0].pointee.stream.phase != .over } ?? false }

    /// Any thread. Runs a scheduled call, unless the producer has said meanwhile that the stream is over: then it may
    /// have freed what the call would touch.
    /// - Returns: `false` if it was over.
    @discardableResult
    func run(_ call: ScheduledCall) -> Bool {
        var producer: (any EventProducer)?
        let findProducer = {
            producer =
                self.withGate(call.stream) { gate in
                    gate.scheduledCalls -= 1
                    return gate.entry?.producer
                } ?? nil
            return producer != nil
        }
        return calls.running.run(call.stream, CallMark.Function.schedule.name, if: findProducer) {
            producer?.perform(call.stream, call.call)
        }
    }

    // MARK: Calls of reloads and of the server's end

    /// The generation was replaced.
    func migrateAll(of generation: Generation) {
        for slot in slotsInUse where table[slot].pointee.entry?.generation === generation {
            guard table[slot].pointee.role != .hubSubscriber else { continue }
            table[slot].pointee.stream.isKept = false
            considerMigrating(token(slot))
        }
    }

    /// Checks whether the stream has reached a point at which another can continue it.
    func considerMigrating(_ token: StreamToken) {
        guard let slot = slot(token), Migration(self, slot).isPossible else { return }
        chores.add(.migrate, for: token)
    }

    /// Ends a stream or a subscriber from outside: the subscriber gets what was produced, a reconnection time, and a
    /// clean end.
    func end(_ slot: UInt32, _ reason: CloseReason) {
        switch table[slot].pointee.role {
        case .exclusive: ExclusiveStream(self, slot).end(reason)
        case .hubStream: HubStream(self, slot).end(reason)
        case .hubSubscriber: HubSubscriber(self, slot).end(reason)
        case .clock: break
        }
    }

    /// Ends all streams, including future ones, or those of one generation. Those of one generation end one after the
    /// other, because other streams have events meanwhile.
    func endAll(of generation: Generation?, _ reason: CloseReason) {
        if generation == nil { endOfAll = reason }
        for slot in slotsInUse where generation == nil || table[slot].pointee.entry?.generation === generation {
            // The end of its hub reaches a subscriber after everything that precedes it.
            if table[slot].pointee.connection.membership == .joined { continue }
            if generation == nil { end(slot, reason) } else { chores.add(.end(reason), for: token(slot)) }
        }
    }

    /// Drops all connections without further waiting; their streams are already closed.
    func dropAllConnections() {
        for slot in slotsInUse {
            switch table[slot].pointee.connection.link {
            case .connected, .ending, .lingering: Connection(self, slot).disconnect(.shutdown)
            case .waiting, .none: break
            }
        }
    }
}

/// All loops of a runtime, for messages between them.
final class LoopSet: @unchecked Sendable {
    // Unchecked: set once, before a loop turns.
    var loops: [LoopStreams] = []
}
