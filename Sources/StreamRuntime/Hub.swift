import ProducerInterface
import StreamLoop
import Synchronization

/// What fans one stream out to many subscribers: what all loops must know of it, and what its home loop alone does.
///
/// Its stream is an ordinary one of that loop. Each loop that has subscribers keeps a replica of the history, whose chunks all
/// share; one message per batch goes to each such loop, never one per subscriber.
final class Hub: @unchecked Sendable {
    // Unchecked: `users` is behind the directory's lock; what changes otherwise is touched on the home loop only.
    let key: HubKey
    /// Whose stream it has; changes with a reload, behind the lock of the directory, on the home loop.
    private(set) var entry: ProducerEntry
    let home: Int
    let settings: HubSettings
    /// A history without events.
    let emptyHistory: any EventHistory
    /// The first part of its ids.
    let epoch: String
    /// What `open` of its stream is given: parameters, and nothing of any subscriber but an id that the producer itself made.
    let request: StreamRequest
    /// Those of `request`, as the producer of `entry` understands them; the home loop's.
    var parameters: any ResolvedParameters
    /// The hub of the same key that this one takes over from, because its producer was replaced.
    var predecessor: Hub?

    /// Follows no other hub, so that its history begins with what its stream was first opened for.
    let isFirst: Bool

    /// Subscribers, those on their way included; behind the lock of the directory.
    var users = 0
    /// When the last of them left, on a clock that counts such moments; behind the same lock.
    var unusedSince: UInt64 = 0
    /// It has given its place to another hub and closes now, unless somebody comes for it before; behind the same lock.
    var isEvicted = false

    // The home loop's.
    var life = HubLife()
    var stream: StreamToken?
    var opened = HubOpened()
    /// The trial of the generation in which its stream has failed, while another opens in the place of that.
    var doubted: Trial?
    /// What its stream was handed by `save`, until its first event: it may have to be opened once more.
    var saved: [UInt8]?
    var numbering: HubNumbering
    let master: HubReplica
    /// The other loops that have subscribers.
    var links: [HubLink] = []
    /// Loops whose request waits for the stream to open, with the serial of their replica.
    var requests: [(loop: Int, serial: UInt64)] = []
    /// A loop is too far behind to be sent more.
    var isHeld = false

    init(
        key: HubKey, entry: ProducerEntry, home: Int, settings: HubSettings, history: any EventHistory,
        request: StreamRequest, predecessor: Hub?, epoch: String
    ) {
        self.key = key
        self.entry = entry
        self.home = home
        self.settings = settings
        emptyHistory = history
        self.request = request
        parameters = request.parameters
        self.predecessor = predecessor
        isFirst = predecessor == nil
        self.epoch = predecessor?.epoch ?? epoch
        numbering = HubNumbering(epoch: self.epoch)
        master = HubReplica(epoch: numbering, settings: settings, history: history, serial: 0, entry: entry)
    }

    /// Behind the lock of the directory.
    func succeed(by entry: ProducerEntry) { self.entry = entry }
}

/// What each loop is told of the open that is in force.
struct HubOpened: Sendable {
    /// What the producer added to the response.
    var headers: [StreamRequest.Field] = []
    /// The id behind which the history begins, because the stream was opened behind it.
    var beginning: String?
}

/// What makes subscribers equal: they join the same hub.
struct HubKey: Hashable, Sendable {
    let plugin: String
    let producer: String
    /// The resolved parameters, however they were spelled.
    let parameters: String

    /// What the number of hubs is limited for.
    var counted: String { "\(plugin)/\(producer)" }
}

/// The home loop's view of another loop.
final class HubLink: Sendable {
    let loop: Int
    /// Batches that the loop has delivered, and the home loop has sent.
    let delivered = Atomic<Int>(0)
    let sent = Atomic<Int>(0)
    /// The home loop waits for it.
    let isAwaited = Atomic<Bool>(false)

    /// Batches on their way to a loop: more would only queue up.
    static let batchesMax = 16

    init(loop: Int) { self.loop = loop }

    var isCongested: Bool {
        sent.load(ordering: .relaxed) - delivered.load(ordering: .sequentiallyConsistent) >= Self.batchesMax
    }
}
