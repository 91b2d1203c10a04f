import ProducerInterface
import StreamLoop
import SystemCalls

/// One row of a loop's table: a stream, the connection of a subscriber, or both. Only the loop uses it.
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

    // Ordered so that there are no gaps: 104 bytes, as there is a row for each subscriber.
    var entry: ProducerEntry?
    /// The hub, for all roles but `.exclusive`.
    var shared: Hub?
    private var rarities: Rarities?
    /// When its open, or its joining of a hub, was requested; once that is answered, when it was answered.
    var since: MonotonicNanoseconds = 0
    var stream = StreamRecord()
    var role = Role.exclusive
    var epoch: UInt32 = 0
    var connection = ConnectionRecord()
    /// It is in the loop's run queue.
    var isQueued = false

    init() {}

    var hub: Hub {
        guard let shared else { preconditionFailure("every role but that of an exclusive stream has a hub") }
        return shared
    }

    /// Nothing is left to end: the stream is closed, or the subscriber has left its hub.
    var isOver: Bool { role == .hubSubscriber ? connection.membership == .left : stream.phase == .over }

    /// Its open, or its joining of a hub, has not been answered.
    var isOpening: Bool {
        role == .hubSubscriber ? connection.membership == .joining : stream.phase == .opening
    }

    /// Between that answer and its end.
    var isOpen: Bool { role == .hubSubscriber ? connection.membership == .joined : stream.phase == .open }

    /// What only few rows have, or all rows only for a short time.
    private final class Rarities {
        var handoff: Handoff?
        var opening: Opening?
        var outbox: Outbox?
        var resumption: Resumption?
        var succession: Succession?
        var standIn: StandIn?
        var doubted: Trial?
        var client: ClientPlaces?
        var expires = MonotonicNanoseconds.max

        var isEmpty: Bool {
            handoff == nil && opening == nil && outbox == nil && resumption == nil && succession == nil
                && standIn == nil && doubted == nil && client == nil && expires == .max
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

    // MARK: The stream

    var handoff: Handoff? {
        get { rarities?.handoff }
        set { setRarity(isNil: newValue == nil) { $0.handoff = newValue } }
    }

    /// What is needed to continue the stream elsewhere; `nil` for a stream that cannot be continued, and for that of a
    /// hub, which has the same information.
    var resumption: Resumption? {
        get { rarities?.resumption }
        set { setRarity(isNil: newValue == nil) { $0.resumption = newValue } }
    }

    /// The succession that the stream is currently part of.
    var succession: Succession? {
        get { rarities?.succession }
        set { setRarity(isNil: newValue == nil) { $0.succession = newValue } }
    }

    /// Set while the stream opens in place of one that failed; it already has that one's connection.
    var standIn: StandIn? {
        get { rarities?.standIn }
        set { setRarity(isNil: newValue == nil) { $0.standIn = newValue } }
    }

    /// The trial of a generation in which this stream failed before its first event: the failure counts if the stream
    /// succeeds here.
    var doubted: Trial? {
        get { rarities?.doubted }
        set { setRarity(isNil: newValue == nil) { $0.doubted = newValue } }
    }

    // MARK: The client

    /// Its places among the streams of its client; `nil` if it opened while those were not limited, and for the stream
    /// of a hub, which belongs to no client.
    var client: ClientPlaces? {
        get { rarities?.client }
        set { setRarity(isNil: newValue == nil) { $0.client = newValue } }
    }

    // MARK: The connection

    /// Kept until the connection is here.
    var opening: Opening? {
        get { rarities?.opening }
        set { setRarity(isNil: newValue == nil) { $0.opening = newValue } }
    }

    /// What the connection has not taken yet, and the sink if it has one.
    var outbox: Outbox? {
        get { rarities?.outbox }
        set { setRarity(isNil: newValue == nil) { $0.outbox = newValue } }
    }

    /// When the subscriber's token expires; `Int64.max`: never.
    var expires: MonotonicNanoseconds {
        get { rarities?.expires ?? .max }
        set { setRarity(isNil: newValue == .max) { $0.expires = newValue } }
    }

    /// The connection must take more before it can be given anything.
    var hasPending: Bool { connection.isSinkBusy || connection.isBlocked || hasBytesWaiting }
    var hasBytesWaiting: Bool { outbox.map { !$0.isEmpty } ?? false }
    var sink: (any FrameSink)? { outbox?.sink }
}

/// The producer's side of a stream, from before its `open` to after its `close`.
struct StreamRecord {
    var state = ProducerState.none
    /// When `pull` is worth calling; `Int64.max`: only when woken. For a stream that is ending: when it was told to
    /// end.
    var nextDue: MonotonicNanoseconds = 0
    var events = 0
    var bytes = 0
    /// How many calls are scheduled for it on the loop.
    var calls: Int32 = 0
    var life = StreamLife()
    var isThreaded = false
    /// `open` has answered "later".
    var isPending = false
    /// Its producer is not called, and what it emits is not taken: the successor opens after everything that it has
    /// produced.
    var isResting = false
    /// The newest generation did not accept the stream: it stays in its own.
    var isKept = false
    var reported = Reported.nothing

    /// What has been reported in the log.
    enum Reported: UInt8 {
        case nothing
        /// Its `open` does not answer.
        case unanswered
        /// It does not end, or its `open` does not hurry.
        case stuck
    }

    var phase: StreamLife.Phase { life.phase }
    var reason: CloseReason? { life.reason }

    /// When a stream that is ending was told to end: nothing is pulled from it then.
    var closingSince: MonotonicNanoseconds {
        get { nextDue }
        set { nextDue = newValue }
    }

    /// The producer must be called.
    func isPullDue(at now: MonotonicNanoseconds) -> Bool {
        phase == .open && !isThreaded && !isResting && nextDue <= now
    }

    /// Its `open` was called and was not told to hurry, and this has not been reported yet.
    var isUnanswered: Bool {
        phase == .opening && reason == nil && reported == .nothing && (isPending || isThreaded)
    }

    /// When to report that its producer was told to end the stream, or its `open` to hurry, and has not done so, or
    /// that its `open` has not answered; `nil`: nothing of this is the case, or it was reported.
    /// - Parameters:
    ///   - since: when its `open` was called.
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
        /// Everything is sent; the peer has some time to close its side.
        case lingering
        case none
    }

    /// For a hub's subscriber.
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
    /// The socket of a hub's subscriber is full, although no bytes for it wait here.
    var isBlocked = false
}

/// What a connection needs only until it is here.
final class Opening {
    var door: (any OpenAnswering)?
    let peer: String
    /// The request's path, for the log; may be empty.
    var path: String
    /// The token that the door knows, if the open of that stream has failed and another is tried.
    var knownAs: StreamToken?
    /// The last id that a hub's subscriber has seen.
    let lastEventID: String?
    /// How much of a hub's history it asked for.
    let historyCount: Int?
    /// How long the subscriber's token was still valid when it asked; `nil`: without limit.
    let lifetime: Nanoseconds?
    /// Where the hub's history ended when the subscriber was admitted.
    var place: Int64?

    init(
        door: (any OpenAnswering)?, peer: String, path: String = "", lastEventID: String? = nil,
        historyCount: Int? = nil, lifetime: Nanoseconds? = nil
    ) {
        self.door = door
        self.peer = peer
        self.path = path
        self.lastEventID = lastEventID
        self.historyCount = historyCount
        self.lifetime = lifetime
    }
}
