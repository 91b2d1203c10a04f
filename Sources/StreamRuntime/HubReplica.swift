import ProducerInterface
import SystemCalls

/// What one loop knows of a hub: the history, and the hub's subscribers on this loop.
///
/// A subscriber takes 16 bytes here: its socket, its slot, and its place in the history. A delivery reads these, and
/// makes one `send` of bytes that all subscribers share: without an allocation, a reference count or a lock.
final class HubReplica {
    struct Member {
        /// -1: a sink.
        var descriptor: Int32
        /// The slot, which has 24 bits, and flags above it. A member without flags gets each batch at once, like the
        /// others.
        var slotAndFlags: UInt32
        /// The place of the next frame that it gets.
        var cursor: Int64

        private static let blockedFlag: UInt32 = 1 << 31
        private static let plainFlag: UInt32 = 1 << 30

        init(descriptor: Int32, slot: UInt32, cursor: Int64, isPlain: Bool) {
            self.descriptor = descriptor
            slotAndFlags = isPlain ? slot | Self.plainFlag : slot
            self.cursor = cursor
        }

        var hasNoFlags: Bool { slotAndFlags == slot }
        var slot: UInt32 { slotAndFlags & ~(Self.blockedFlag | Self.plainFlag) }
        /// Its connection takes nothing more at the moment.
        var isBlocked: Bool {
            get { slotAndFlags & Self.blockedFlag != 0 }
            set { slotAndFlags = newValue ? slotAndFlags | Self.blockedFlag : slotAndFlags & ~Self.blockedFlag }
        }
        /// Its response is not chunked, unlike the frames in the history.
        var isPlain: Bool { slotAndFlags & Self.plainFlag != 0 }
    }

    /// Distinguishes the replica that asked from an earlier one on this loop.
    let serial: UInt64
    let slowPolicy: HubSettings.SlowPolicy
    let isAnchored: Bool
    /// The entry of the producer whose stream the hub has.
    var entry: ProducerEntry
    var history: any EventHistory
    /// The epoch of the hub's ids, and the number of the newest.
    var numbering: HubNumbering
    /// The stream is open, and the history is here.
    var isLive = false
    var opened = HubOpened()
    var ending: HubEnding?
    /// Subscribers that wait for the stream to open.
    var waiting: [StreamToken] = []
    /// Subscribers on this loop, including those without a connection yet.
    var subscriberCount = 0
    /// The slot whose timer is that of the keep-alive; 0: none.
    var clock: UInt32 = 0
    /// When something was last sent to all members.
    var lastSent: MonotonicNanoseconds = 0
    /// No blocked member is further behind than this place; `Int64.max`: none is blocked.
    var rearmost = Int64.max

    /// What those members were given that did not get the current batch like the others.
    struct Apart {
        var members = 0
        var frames = 0
        var bytes = 0
    }

    var apart = Apart()

    private(set) var members: UnsafeMutablePointer<Member>
    private(set) var count = 0
    private var capacity = 16

    init(
        epoch: HubNumbering, settings: HubSettings, history: any EventHistory, serial: UInt64, entry: ProducerEntry
    ) {
        self.serial = serial
        self.entry = entry
        slowPolicy = settings.slowPolicy
        isAnchored = settings.isAnchored
        numbering = epoch
        self.history = history
        members = .allocate(capacity: capacity)
    }

    deinit { members.deallocate() }

    func append(_ chunk: FrameChunk) {
        history.append(chunk)
        if let number = chunk.numbers.last { numbering.advance(to: number) }
    }

    /// - Returns: the member's index, which changes when another one is removed.
    func add(_ member: Member) -> Int {
        if count == capacity {
            let larger = UnsafeMutablePointer<Member>.allocate(capacity: capacity * 2)
            larger.update(from: members, count: count)
            members.deallocate()
            members = larger
            capacity *= 2
        }
        members[count] = member
        count += 1
        return count - 1
    }

    /// Removes a member; the last one moves to its index.
    /// - Returns: the slot of the member that moved.
    func remove(at index: Int) -> UInt32? {
        count -= 1
        guard index < count else { return nil }
        members[index] = members[count]
        return members[index].slot
    }
}
