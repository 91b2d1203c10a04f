import DequeModule
import EventStream
import StreamLoop
import Synchronization

/// The streams that live on one loop.
///
/// A subscriber here is a descriptor and a few words in a table: no object, task or closure of its own. One event of a
/// non-blocking producer costs its `next`, its encoding into the loop's buffer, and its share of one `send`; nothing is allocated or
/// locked on the way, and everything happens on this thread.
///
/// The methods are the loop's own, unless a comment says "any thread".
final class LoopStreams: LoopHandler, @unchecked Sendable {
    // Unchecked: the table's gates are for any thread and locked; the rest is only touched on the loop's thread.
    let loop: Loop
    let table = StreamTable()
    private(set) var limits: Limits
    let log: StreamLog
    let census: Census
    let directory: HubDirectory
    /// This loop and the others.
    let peers: LoopSet
    /// Calls that other threads may have to wait for.
    let calls = RunningCalls()
    /// The hubs that this loop has to do with.
    var replicas: [ObjectIdentifier: HubReplica] = [:]
    var replicaSerial: UInt64 = 0

    /// Where frames are encoded before they are sent; its memory stays with a call that never returns.
    var outputPlace = makeOutput()
    var output: FrameBuffer {
        @inline(__always) _read { yield outputPlace.pointee }
        @inline(__always) _modify { yield &outputPlace.pointee }
    }
    /// Calls of `open` and `close`, in the order in which they are to be made.
    var dueCalls: Deque<DueCall> = []
    /// Streams that are to be served at the end of the turn: their producers are asked, or they have more to send.
    var runQueue: Deque<StreamToken> = []
    /// The timer of `scheduled` has fired.
    var isScheduleDue = false
    /// What is done in portions at the ends of turns.
    var chores: Deque<(StreamToken, Chore)> = []
    /// Successors whose open has not answered.
    var successorsOpening = 0
    /// Whom a sink means by the token that it was given, once that stream was continued by another; and the other way round.
    var movedSinks: [StreamToken: StreamToken] = [:]
    var sinkTokens: [StreamToken: StreamToken] = [:]
    /// Whom a door means by the token that it was given, once the open of that stream has failed and another is tried.
    var movedDoors: [StreamToken: StreamToken] = [:]
    var scheduled = ScheduledCalls()
    /// How many of the calls in `scheduled` are of streams that are over.
    var callsOfEnded = 0
    /// Why all streams ended, once they were told to: one whose request was under way then ends, too.
    var endOfAll: CloseReason?

    var stallWatch = StallWatch()
    /// The call of a producer that the loop is in.
    let mark = CallMark()
    /// When it began, or the newest one did.
    var callBegan: Int64 = 0
    /// The thread that the loop is on.
    var seat = LoopSeat()
    /// What is left to threads that have lost the loop.
    let left = LeftStreams()
    /// Any thread. A call has been holding the loop for some time: newcomers go elsewhere.
    let isHeld = Atomic(false)

    /// Bytes that are gathered for one `send`: large enough that the call is cheap, small enough to stay in the cache and, with
    /// the event that goes over it, to be one segment on the loopback interface (at most 65,483 bytes): 64 KiB are two, and a
    /// quarter slower.
    static let batchBytes = 48 * 1024
    /// Batches that a stream may send before the others have their turn.
    static let batchesPerTurn = 4
    /// What a peer may send after its request before it counts as hostile. Bytes; a record counts no further.
    static let inputLimit = Int(UInt16.max)
    /// How long the peer has to close its side after the end. Nanoseconds.
    static let lingerTime: Int64 = 2_000_000_000
    /// The slot whose timer is the one of `scheduled`.
    static let scheduleSlot: UInt32 = 0

    init(
        loop: Loop, limits: Limits, log: StreamLog, census: Census, directory: HubDirectory, peers: LoopSet
    ) {
        self.loop = loop
        self.limits = limits
        self.log = log
        self.census = census
        self.directory = directory
        self.peers = peers
        loop.handler = self
    }

    deinit {
        outputPlace.deinitialize(count: 1)
        outputPlace.deallocate()
    }

    static func makeOutput() -> UnsafeMutablePointer<FrameBuffer> {
        let place = UnsafeMutablePointer<FrameBuffer>.allocate(capacity: 1)
        place.initialize(to: FrameBuffer(capacity: batchBytes + 16 * 1024, isChunked: true))
        return place
    }

    /// Takes over new limits, and looks anew at when each stream is due.
    func takeLimits(_ limits: Limits) {
        self.limits = limits
        for slot in 1..<max(1, table.end) where table[slot].pointee.entry != nil {
            let record = table[slot]
            if record.pointee.descriptor >= 0 { applyWriteDeadline(to: record.pointee.descriptor) }
            // A hub's clock has no deadline of its own: it looks at its replica.
            if record.pointee.role != .clock { reschedule(slot) }
        }
        for replica in replicas.values where replica.clock != 0 { dueClock(replica.clock) }
    }

    // MARK: Tokens

    func token(_ slot: UInt32) -> StreamToken {
        StreamToken(loop: loop.index, slot: slot, epoch: table[slot].pointee.epoch)
    }

    /// The slot of a stream that is still the one that the token means.
    func slot(_ token: StreamToken) -> UInt32? {
        let slot = token.slot
        guard let record = table.record(ifAllocated: slot), record.pointee.epoch == token.epoch else { return nil }
        return slot
    }

    /// Any thread. Runs the body with the gate of a stream that is not over.
    /// - Returns: `nil` if it is over.
    func withGate<Result>(_ token: StreamToken, _ body: (inout StreamGate) -> Result) -> Result? {
        table.withGate(of: token, body)
    }

    /// Any thread. The producer has said that the stream is over: whoever uses its handle from now on is told so.
    func handleIsStale(_ token: StreamToken) { _ = withGate(token) { $0.isLive = false } }

    // MARK: LoopHandler

    func ready(_ tag: UInt64, _ readiness: Readiness) {
        guard let token = StreamToken(raw: tag), let slot = slot(token) else { return }
        let record = table[slot]
        guard record.pointee.descriptor >= 0 else { return }
        if readiness.contains(.hangUp) { return peerLeft(slot) }
        // Behind its end there is nothing to read, whatever becomes ready.
        if readiness.contains(.readable), !record.pointee.form.contains(.peerFinished), !dropInput(slot) { return }
        if readiness.contains(.writable) { flush(slot) }
    }

    func woken(_ tag: UInt64) {
        guard let token = StreamToken(raw: tag), let slot = slot(token) else { return }
        let record = table[slot]
        let wasWoken = table.takeWake(slot)
        if wasWoken, record.pointee.source == .open, record.pointee.entry!.description.hasNext {
            record.pointee.nextDue = 0
        }
        // An emit on a stream that had none before has made its queue.
        if record.pointee.handoff == nil { record.pointee.handoff = table.withGate(slot) { $0.handoff } }
        // It was told before the stream moved to its thread.
        if wasWoken, record.pointee.isThreaded { record.pointee.handoff?.wakeThread() }
        pump(slot)
    }

    func due(_ slot: UInt32) {
        if slot == Self.scheduleSlot {
            isScheduleDue = true
            return loop.setTimer(slot, to: .max)
        }
        let now = loop.now
        let record = table[slot]
        switch record.pointee.role {
        case .source: return dueSource(slot)
        case .clock: return dueClock(slot)
        case .stream, .member: break
        }
        if record.pointee.link == .lingering {
            if now >= record.pointee.lastActivity + Self.lingerTime { return dropLink(slot) }
        } else if record.pointee.link != .waiting, record.pointee.hasPending,
            now >= record.pointee.lastActivity + limits.writeDeadline
        {
            return writeDeadlinePassed(slot)
        }
        if record.pointee.source == .opening {
            if let succession = record.pointee.succession, now >= succession.deadline {
                return giveUp(slot, succession)
            }
            if let fallingBack = record.pointee.fallingBack, now >= fallingBack.deadline {
                return giveUp(slot, fallingBack)
            }
        }
        if record.pointee.source == .open, limits.maxAge > 0, now >= record.pointee.openedAt + limits.maxAge {
            return end(slot, .expired)
        }
        reportIfStuck(slot)
        if record.pointee.role == .stream, record.pointee.link == .connected, !record.pointee.hasPending {
            // One that is to be served may have something to say; whether it had is looked at behind that.
            if isPullDue(record, at: now) { queue(slot) }
            if now >= keepAliveDue(slot), !record.pointee.isQueued { return keepAlive(slot) }
        }
        reschedule(slot)
    }

    /// Tells once of a stream whose producer does not come to its end, or does not answer its open.
    func reportIfStuck(_ slot: UInt32) {
        let record = table[slot]
        guard let due = reportDue(record), loop.now >= due else { return }
        let (entry, since) = (record.pointee.entry!, loop.now - due + limits.stuckReport)
        if isUnanswered(record) {
            record.pointee.isReportedUnanswered = true
            return log.unanswered(token(slot), entry, since: since)
        }
        record.pointee.isReportedStuck = true
        log.stuck(
            token(slot), entry, calls.function(of: token(slot)), reason: record.pointee.reason, since: since)
        census.countStuck()
    }

    // MARK: Time

    func isPullDue(_ record: UnsafeMutablePointer<StreamRecord>, at now: Int64) -> Bool {
        record.pointee.source == .open && !record.pointee.isThreaded && !record.pointee.isResting
            && record.pointee.nextDue <= now
    }

    /// When it is to be reported that its producer, told to end it, or its open to hurry, has not done so, or that its open has not answered;
    /// `nil`: there is no such thing, or it was reported.
    private func reportDue(_ record: UnsafeMutablePointer<StreamRecord>) -> Int64? {
        guard !record.pointee.isReportedStuck else { return nil }
        if isUnanswered(record) { return record.pointee.lastActivity.addingSaturating(limits.stuckReport) }
        switch record.pointee.source {
        case .opening, .closeDue, .closing:
            return record.pointee.reason == nil ? nil : record.pointee.closingSince.addingSaturating(limits.stuckReport)
        case .open, .over: return nil
        }
    }

    /// Its open was called, nobody has told it to hurry, and this was not reported yet.
    private func isUnanswered(_ record: UnsafeMutablePointer<StreamRecord>) -> Bool {
        record.pointee.source == .opening && record.pointee.reason == nil && !record.pointee.isReportedUnanswered
            && (record.pointee.isPending || record.pointee.isThreaded)
    }

    /// Up to a tenth earlier than asked for, by slot, so that streams which began together don't all speak together.
    func keepAliveDue(_ slot: UInt32) -> Int64 {
        let jitter = limits.keepAlive / 1000 * Int64(slot &* 2_654_435_761 >> 16 % 100)
        return table[slot].pointee.lastActivity + limits.keepAlive - jitter
    }

    /// Sets the stream's one timer to the next moment at which something is to be done for it.
    func reschedule(_ slot: UInt32) {
        let record = table[slot]
        var deadline = record.pointee.role == .source ? sourceDeadline(record) : Int64.max
        switch record.pointee.link {
        case .connected:
            if record.pointee.hasPending {
                deadline = record.pointee.lastActivity + limits.writeDeadline
            } else if record.pointee.role == .stream {
                deadline = keepAliveDue(slot)
                if record.pointee.source == .open, !record.pointee.isThreaded, !record.pointee.isQueued,
                    !record.pointee.isResting
                {
                    deadline = min(deadline, record.pointee.nextDue)
                }
            }
        case .ending:
            deadline = record.pointee.lastActivity + limits.writeDeadline
        case .lingering:
            deadline = record.pointee.lastActivity + Self.lingerTime
        case .waiting, .none:
            break
        }
        if record.pointee.source == .open, limits.maxAge > 0, record.pointee.role != .source {
            deadline = min(deadline, record.pointee.openedAt + limits.maxAge)
        }
        if record.pointee.source == .opening {
            let answer = record.pointee.succession?.deadline ?? record.pointee.fallingBack?.deadline
            deadline = min(deadline, answer ?? .max)
        }
        if let report = reportDue(record) { deadline = min(deadline, report) }
        loop.setTimer(slot, to: deadline)
    }

    // MARK: Scheduled calls

    func schedule(
        _ token: StreamToken, due: Int64, _ function: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void,
        _ context: UnsafeMutableRawPointer?
    ) {
        // It may have ended on the way to here, and still have its connection: then the call never runs.
        guard let slot = slot(token), table[slot].pointee.source != .over else { return }
        if table[slot].pointee.isThreaded {
            table[slot].pointee.handoff!.schedule(due: due, stream: token, function, context)
        } else {
            table[slot].pointee.calls += 1
            scheduled.insert(due: due, stream: token, function, context)
            setScheduleTimer()
        }
    }

    /// The source of this stream is not over.
    func isLive(_ token: StreamToken) -> Bool {
        slot(token).map { table[$0].pointee.source != .over } ?? false
    }

    /// Any thread. Runs a scheduled call, unless the producer has said meanwhile that its stream is over: then it may have freed what the
    /// call would touch.
    /// - Returns: `false` if it was.
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
        return calls.run(call.stream, CallMark.Function.schedule.name, if: findProducer) {
            producer?.perform(call.stream, call.function, call.context)
        }
    }

    /// A stream's source is over: its calls never run. They are cleared away when they are more than half of all, as looking for
    /// those of one stream means looking at all.
    func forgetCalls(_ slot: UInt32) {
        callsOfEnded += Int(table[slot].pointee.calls)
        table[slot].pointee.calls = 0
        guard callsOfEnded * 2 > scheduled.count else { return }
        callsOfEnded = 0
        scheduled.keep { isLive($0.stream) }
    }
}

/// All loops of a runtime, for messages between them.
final class LoopSet: @unchecked Sendable {
    // Unchecked: set once, before a loop turns.
    var loops: [LoopStreams] = []
}
