/// What a hub keeps of the events that it has published, so that subscribers can come later, or come back.
///
/// A place in it is a number that only grows; each frame has one. What is older than `first` is gone. Each loop with subscribers of
/// the hub has one of its own, and only its thread touches it.
protocol EventHistory: Sendable {
    /// The place of the oldest frame that is held.
    var first: Int64 { get }
    /// The place of the next frame that will come.
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
    /// The id that a subscriber which begins at a place can come back with: that of the last frame before it, or one that the hub makes.
    func anchor(at place: Int64, numbering: HubNumbering) -> [UInt8]

    /// The bytes of one frame, from `first` to before `end`; they stay for as long as the history is not changed.
    func bytes(at place: Int64) -> UnsafeRawBufferPointer
    /// From a place to the end of the chunk that it is in.
    func chunk(at place: Int64) -> (bytes: SharedSlice, end: Int64)

    /// The same history in memory of its own, for another loop: two loops that shared it until one of them appends would both have to
    /// copy it then, and would meet in it.
    var separate: any EventHistory { get }
}

extension EventHistory {
    /// With so many of the last frames before a place.
    func start(last count: Int, before place: Int64) -> Int64 { max(first, place - Int64(clamping: count)) }
}

/// Where a subscriber begins, and what it missed.
enum HistoryStart: Equatable {
    case at(Int64)
    /// Its id is not held: it gets all that is, after a notice. `lost`: how many events are missing, if that can be known.
    case gap(from: Int64, lost: UInt64?)
}

/// Makes the history of a new hub.
typealias HistoryMaking = @Sendable (HubSettings) -> any EventHistory
