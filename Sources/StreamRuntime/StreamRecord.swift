import EventStream
import StreamLoop

/// One stream and its subscriber, as a struct in its loop's table: the loop's alone.
struct StreamRecord: ~Copyable {
    enum Role: UInt8 {
        /// A stream and its only subscriber.
        case stream
        /// The source of a hub.
        case source
        /// A subscriber of a hub.
        case member
        /// The timer of a hub's keep-alive.
        case clock
    }

    enum Source: UInt8 {
        /// `open` was not called yet, or has not answered.
        case opening
        case open
        /// `close` is to be called at the end of this turn, or of a later one.
        case closeDue
        /// `close` was called, or its thread was told to.
        case closing
        /// Closed, or never opened.
        case over
    }

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

    // In an order without holes: 104 bytes, of which there are as many as subscribers.
    var epoch: UInt32 = 0
    var descriptor: Int32 = -1
    var role = Role.stream
    var source = Source.over
    var link = Link.none
    var reason: CloseReason?
    var isThreaded = false
    /// `open` has answered "later".
    var isPending = false
    /// Stands in the loop's run queue.
    var isQueued = false
    /// A sink has bytes that it did not send yet.
    var isSinkBusy = false
    /// A member's socket is full, though nothing of it waits here.
    var isBlocked = false
    /// Nothing is asked of its producer, and nothing that it emits is taken: its successor opens behind all that it has produced.
    var isResting = false
    /// The newest generation did not want it: it stays on its own.
    var isKept = false
    /// It was reported that the stream does not end, or that its open does not hurry.
    var isReportedStuck = false
    /// It was reported that its open does not answer.
    var isReportedUnanswered = false
    /// A member's place in its replica; -1: none yet.
    var memberIndex: Int32 = -1
    /// How many calls are scheduled for it on the loop.
    var calls: Int32 = 0
    /// Bytes of input dropped since the connection came, as far as they can be counted here.
    var dropped: UInt16 = 0
    var form: ResponseForm = []
    var entry: ProducerEntry?
    var state: UnsafeMutableRawPointer?
    /// The hub, for all roles but `.stream`.
    var shared: Hub?
    private var rarities: Rarities?
    /// When `pull` is worth calling; `Int64.max`: only when woken. Of a stream that is to end, when it was told to.
    var nextDue: Int64 = 0
    /// When the subscriber last took a byte; while lingering or closing, when that began.
    var lastActivity: Int64 = 0
    var openedAt: Int64 = 0
    var events = 0
    var bytes = 0

    init() {}

    /// What few streams have, or all for a short time only.
    private final class Rarities {
        var handoff: Handoff?
        var opening: Opening?
        var outbox: Outbox?
        var resumption: Resumption?
        var succession: Succession?
        var fallingBack: FallingBack?
        var doubted: Trial?

        var isEmpty: Bool {
            handoff == nil && opening == nil && outbox == nil && resumption == nil && succession == nil
                && fallingBack == nil && doubted == nil
        }
    }

    var handoff: Handoff? {
        get { rarities?.handoff }
        set { setRarity(isNil: newValue == nil) { $0.handoff = newValue } }
    }

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

    /// What it takes to continue it elsewhere; `nil` for a stream that can't be, and for the source of a hub, which knows as much.
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
    var fallingBack: FallingBack? {
        get { rarities?.fallingBack }
        set { setRarity(isNil: newValue == nil) { $0.fallingBack = newValue } }
    }

    /// The trial of a generation in which this stream has failed before its first event: it has failed if that comes here.
    var doubted: Trial? {
        get { rarities?.doubted }
        set { setRarity(isNil: newValue == nil) { $0.doubted = newValue } }
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

    /// When a stream that is to end was told to: nothing is pulled from it then.
    var closingSince: Int64 {
        get { nextDue }
        set { nextDue = newValue }
    }

    var hasPending: Bool { isSinkBusy || isBlocked || hasBytesWaiting }
    var hasBytesWaiting: Bool { outbox.map { !$0.isEmpty } ?? false }
    var sink: (any FrameSink)? { outbox?.sink }

    var hub: Hub {
        guard let shared else { preconditionFailure("every role but that of an exclusive stream has a hub") }
        return shared
    }
}

/// What a stream only needs until it has its connection.
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
