import SystemCalls

/// The published events that a hub keeps, for subscribers that join late or reconnect.
///
/// A place in it is a number that only grows; each frame has one. Frames before `first` are gone. Each loop that has
/// subscribers of the hub has its own history, which only its thread touches.
protocol EventHistory: Sendable {
    /// The place of the oldest frame that is held.
    var first: Int64 { get }
    /// The place of the next frame.
    var end: Int64 { get }
    /// The newest reconnection time that the producer gave, in milliseconds; -1: none.
    var retryMilliseconds: Int64 { get }
    /// The id of the oldest frame that has one.
    var oldestID: String? { get }
    /// The newest id that the producer made.
    var newestProducerID: String? { get }

    mutating func append(_ chunk: FrameChunk)

    /// Where a subscriber begins that has seen this id.
    func start(after id: [UInt8], numbering: HubNumbering) -> HistoryStart
    /// The id with which a subscriber that begins at a place can reconnect: that of the last frame before it, or one
    /// that the hub makes.
    func anchor(at place: Int64, numbering: HubNumbering) -> [UInt8]

    /// The bytes of one frame, which is at `first` or later and before `end`. They are valid until the history is
    /// changed.
    func bytes(at place: Int64) -> UnsafeRawBufferPointer
    /// When the frame at a place that is held was published.
    func publishedAt(_ place: Int64) -> MonotonicNanoseconds
    /// The size of what is held, in bytes.
    var byteCount: Int { get }
    /// The bytes from a place to the end of its chunk.
    func chunk(at place: Int64) -> (bytes: SharedSlice, end: Int64)

    /// The same history in memory of its own, for another loop. If two loops shared the memory, both would have to copy
    /// it as soon as one of them appends, and would contend for it.
    var separate: any EventHistory { get }
}

extension EventHistory {
    /// The place that leaves up to `count` frames before `place`.
    func start(last count: Int, before place: Int64) -> Int64 { max(first, place - Int64(clamping: count)) }
}

/// Where a subscriber begins, and what it missed.
enum HistoryStart: Equatable {
    case at(Int64)
    /// Its id is not held: it gets everything that is held, after a notice. `lost`: how many events are missing, if
    /// that is known.
    case gap(from: Int64, lost: UInt64?)
}

/// Makes the history of a new hub.
typealias HistoryMaking = @Sendable (HubSettings) -> any EventHistory
