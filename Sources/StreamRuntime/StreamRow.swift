import ProducerInterface
import StreamLoop
import SystemCalls

/// One row of a loop's table: a stream, the connection of a subscriber, or both. The loop's alone.
struct StreamRow: ~Copyable {
    enum Role: UInt8 {
        /// A stream and the connection of its only subscriber.
        case exclusive
        /// The stream of a hub, which has no connection.
        case hubStream
        /// A subscriber of a hub: a connection without a stream of its own.
        case hubSubscriber
        /// The timer of a hub's keep-alive.
        case clock
    }

    // In an order without holes: 104 bytes, of which there are as many as subscribers.
    var entry: ProducerEntry?
    /// The hub, for all roles but `.exclusive`.
    var shared: Hub?
    private var rarities: Rarities?
    /// Since when its open, or its joining a hub, is awaited; once that was answered, since then.
    var since: MonotonicNanoseconds = 0
    var stream = StreamRecord()
    var role = Role.exclusive
    var epoch: UInt32 = 0
    var connection = ConnectionRecord()
    /// Stands in the loop's run queue.
    var isQueued = false

    init() {}

    var hub: Hub {
        guard let shared else { preconditionFailure("every role but that of an exclusive stream has a hub") }
        return shared
    }

    /// There is nothing left to end: the stream is closed, or the subscriber has left its hub.
    var isOver: Bool { role == .hubSubscriber ? connection.membership == .left : stream.phase == .over }

    /// Its open, or its joining a hub, has not been answered.
    var isOpening: Bool {
        role == .hubSubscriber ? connection.membership == .joining : stream.phase == .opening
    }

    /// Between that answer and its end.
    var isOpen: Bool { role == .hubSubscriber ? connection.membership == .joined : stream.phase == .open }

    /// What few rows have, or all for a short time only.
    private final class Rarities {
        var handoff: Handoff?
        var opening: Opening?
        var outbox: Outbox?
        var resumption: Resumption?
        var succession: Succession?
        var standIn: StandIn?
        var doubted: Trial?

        var isEmpty: Bool {
            handoff == nil && opening == nil && outbox == nil && resumption == nil && succession == nil
                && standIn == nil && doubted == nil
        }
    }

    @inline(__always)
    private mutating func setRarity(isNil: Bool, _ change: (Rarities) -> Void) {
        if rarities == nil {
            if isNil { return }
            rarities = Rarities()
        }
        change(rarities!)
        if isNil, rarities!.isEmpty { rarities = nil }
    }

    // MARK: Of the stream

    var handoff: Handoff? {
        get { rarities?.handoff }
        set { setRarity(isNil: newValue == nil) { $0.handoff = newValue } }
    }

    /// What it takes to continue it elsewhere; `nil` for a stream that can't be, and for that of a hub, which knows as much.
    var resumption: Resumption? {
        get { rarities?.resumption }
        set { setRarity(isNil: newValue == nil) { $0.resumption = newValue } }
    }

    /// Its part in the handing over that is under way.
    var succession: Succession? {
        get { rarities?.succession }
        set { setRarity(isNil: newValue == nil) { $0.succession = newValue } }
    }

    /// It opens in place of one that failed, whose connection it has already.
    var standIn: StandIn? {
        get { rarities?.standIn }
        set { setRarity(isNil: newValue == nil) { $0.standIn = newValue } }
    }

    /// The trial of a generation in which this stream has failed before its first event: it has failed if that comes here.
    var doubted: Trial? {
        get { rarities?.doubted }
        set { setRarity(isNil: newValue == nil) { $0.doubted = newValue } }
    }

    // MARK: Of the connection

    /// Until the connection is there.
    var opening: Opening? {
        get { rarities?.opening }
        set { setRarity(isNil: newValue == nil) { $0.opening = newValue } }
    }

    /// What the connection did not take, and the sink, if it is one.
    var outbox: Outbox? {
        get { rarities?.outbox }
        set { setRarity(isNil: newValue == nil) { $0.outbox = newValue } }
    }

    /// The connection has more to take before it may be given anything.
    var hasPending: Bool { connection.isSinkBusy || connection.isBlocked || hasBytesWaiting }
    var hasBytesWaiting: Bool { outbox.map { !$0.isEmpty } ?? false }
    var sink: (any FrameSink)? { outbox?.sink }
}

/// The producer's side of a stream, from before its `open` to behind its `close`.
struct StreamRecord {
    var state = ProducerState.none
    /// When `pull` is worth calling; `Int64.max`: only when woken. Of a stream that is to end, when it was told to.
    var nextDue: MonotonicNanoseconds = 0
    var events = 0
    var bytes = 0
    /// How many calls are scheduled for it on the loop.
    var calls: Int32 = 0
    var life = StreamLife()
    var isThreaded = false
    /// `open` has answered "later".
    var isPending = false
    /// Nothing is asked of its producer, and nothing that it emits is taken: its successor opens behind all that it has produced.
    var isResting = false
    /// The newest generation did not want it: it stays on its own.
    var isKept = false
    var reported = Reported.nothing

    /// What the log has been told of it.
    enum Reported: UInt8 {
        case nothing
        /// Its open does not answer.
        case unanswered
        /// It does not end, or its open does not hurry.
        case stuck
    }

    var phase: StreamLife.Phase { life.phase }
    var reason: CloseReason? { life.reason }

    /// When a stream that is to end was told to: nothing is pulled from it then.
    var closingSince: MonotonicNanoseconds {
        get { nextDue }
        set { nextDue = newValue }
    }

    /// The producer is to be asked.
    func isPullDue(at now: MonotonicNanoseconds) -> Bool {
        phase == .open && !isThreaded && !isResting && nextDue <= now
    }

    /// Its open was called, nobody has told it to hurry, and this was not reported yet.
    var isUnanswered: Bool {
        phase == .opening && reason == nil && reported == .nothing && (isPending || isThreaded)
    }

    /// When it is to be reported that its producer, told to end it, or its open to hurry, has not done so, or that its open has not
    /// answered; `nil`: there is no such thing, or it was reported.
    /// - Parameters:
    ///   - since: when its open was called.
    func reportDue(since: MonotonicNanoseconds, after patience: Nanoseconds) -> MonotonicNanoseconds? {
        guard reported != .stuck else { return nil }
        if isUnanswered { return since.addingSaturating(patience) }
        switch phase {
        case .opening, .closeDue, .closing: return reason == nil ? nil : closingSince.addingSaturating(patience)
        case .open, .over: return nil
        }
    }
}

/// The subscriber's side: how its response reaches it.
struct ConnectionRecord {
    enum Link: UInt8 {
        /// The front door has the connection.
        case waiting
        case connected
        /// What is left is sent, then the connection ends.
        case ending
        /// All is sent; the peer has a moment to close its side.
        case lingering
        case none
    }

    /// Of a hub's subscriber.
    enum Membership: UInt8 {
        case none, joining, joined, left
    }

    /// When the subscriber last took a byte; while lingering, when that began.
    var lastActivity: MonotonicNanoseconds = 0
    var descriptor: Int32 = -1
    /// The place of a hub's subscriber in its replica; -1: none yet.
    var memberIndex: Int32 = -1
    /// Bytes of input dropped since the connection came, as far as they can be counted here.
    var dropped: UInt16 = 0
    var form: ResponseForm = []
    var link = Link.none
    var membership = Membership.none
    /// A sink has bytes that it did not send yet.
    var isSinkBusy = false
    /// The socket of a hub's subscriber is full, though nothing of it waits here.
    var isBlocked = false
}

/// What a connection only needs until it is there.
final class Opening {
    var door: (any OpenAnswering)?
    let peer: String
    /// The token that the door has, if the open of that stream has failed, and another is tried.
    var knownAs: StreamToken?
    /// What a subscriber of a hub has seen last.
    let lastEventID: String?
    /// How much of a hub's history it asked for.
    let historyCount: Int?
    /// Where the hub's history ended when the subscriber was let in.
    var place: Int64?

    init(door: (any OpenAnswering)?, peer: String, lastEventID: String? = nil, historyCount: Int? = nil) {
        self.door = door
        self.peer = peer
        self.lastEventID = lastEventID
        self.historyCount = historyCount
    }
}
