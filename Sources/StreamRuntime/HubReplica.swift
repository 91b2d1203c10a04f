import ProducerInterface
import SystemCalls

/// What one loop knows of a hub: the history, and the subscribers that live on this loop.
///
/// A subscriber is 16 bytes here: its socket, its slot, and its place in the history. A delivery reads these, and makes one
/// `send` of bytes that all subscribers share: no allocation, no reference count, no lock.
final class HubReplica {
    struct Member {
        /// -1: a sink.
        var descriptor: Int32
        /// The slot, which has 24 bits, and flags above it: a member without any gets what the others get, at once.
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

        var slot: UInt32 { slotAndFlags & ~(Self.blockedFlag | Self.plainFlag) }
        /// Its connection takes no more.
        var isBlocked: Bool {
            get { slotAndFlags & Self.blockedFlag != 0 }
            set { slotAndFlags = newValue ? slotAndFlags | Self.blockedFlag : slotAndFlags & ~Self.blockedFlag }
        }
        /// Its response is not sent in chunks, as those in the history are.
        var isPlain: Bool { slotAndFlags & Self.plainFlag != 0 }
    }

    /// Tells the replica that asked from one that this loop had before.
    let serial: UInt64
    let slowPolicy: HubSettings.SlowPolicy
    let isAnchored: Bool
    /// Whose stream the hub has.
    var entry: ProducerEntry
    var history: any EventHistory
    /// The epoch of the hub's ids, and the number of the newest.
    var numbering: HubNumbering
    /// The stream is open, and the history is here.
    var isLive = false
    var opened = HubOpened()
    var ending: HubEnding?
    /// Subscribers whose request waits for the stream to open.
    var waiting: [StreamToken] = []
    /// Subscribers on this loop, those without a connection yet included.
    var subscriberCount = 0
    /// The slot whose timer is the one of the keep-alive; 0: none.
    var clock: UInt32 = 0
    /// When something was last sent to all.
    var lastSent: MonotonicNanoseconds = 0
    /// No blocked member is further behind than this; `Int64.max`: none is blocked.
    var rearmost = Int64.max

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

    /// Removes a member; the last one takes its index.
    /// - Returns: the slot of the one that moved.
    func remove(at index: Int) -> UInt32? {
        count -= 1
        guard index < count else { return nil }
        members[index] = members[count]
        return members[index].slot
    }
}
