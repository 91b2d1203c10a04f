import ProducerInterface
import StreamLoop
import Synchronization

/// Fans one stream out to many subscribers: what all loops must know, and what only the home loop does.
///
/// The stream is an ordinary one of the home loop. Each loop that has subscribers keeps a replica of the history, and
/// all replicas share its chunks. One message per batch goes to each such loop, never one per subscriber.
final class Hub: @unchecked Sendable {
    // Unchecked: `users` is protected by the directory's lock; everything else that changes is only touched on the home
    // loop.
    let key: HubKey
    /// The entry of the producer whose stream it has. It changes with a reload, on the home loop, under the directory's
    /// lock.
    private(set) var entry: ProducerEntry
    let home: Int
    let settings: HubSettings
    /// A history without events.
    let emptyHistory: any EventHistory
    /// The first part of the hub's ids.
    let epoch: String
    /// What `open` of its stream is given: parameters, and of its subscribers nothing but an id that the producer
    /// itself made.
    let request: StreamRequest
    /// The parameters of `request`, as the producer of `entry` understands them. Only the home loop uses them.
    var parameters: any ResolvedParameters
    /// The hub of the same key that this one takes over from, because the producer was replaced.
    var predecessor: Hub?

    /// The hub follows no other, so its history begins with what its stream was first opened for.
    let isFirst: Bool

    /// Subscribers, including those on their way; protected by the directory's lock.
    var users = 0
    /// When the last of them left, on a clock that counts departures; protected by the same lock.
    var unusedSince: UInt64 = 0
    /// The hub has given its place to another and closes now, unless a subscriber joins before; protected by the same
    /// lock.
    var isEvicted = false

    // Used by the home loop only.
    var life = HubLife()
    var stream: StreamToken?
    var opened = HubOpened()
    /// The trial of the generation in which its stream has failed, while another stream opens instead.
    var doubted: Trial?
    /// What `save` handed to its stream; kept until the first event, as the stream may have to be reopened.
    var saved: [UInt8]?
    var numbering: HubNumbering
    let master: HubReplica
    /// The other loops that have subscribers.
    var links: [HubLink] = []
    /// Loops that wait for the stream to open, with the serial of their replica.
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

    /// Called under the directory's lock.
    func succeed(by entry: ProducerEntry) { self.entry = entry }
}

/// What each loop is told about the current `open`.
struct HubOpened: Sendable {
    /// What the producer added to the response.
    var headers: [StreamRequest.Field] = []
    /// The id after which the history begins, because the stream was opened after it.
    var beginning: String?
}

/// What subscribers must have in common to join the same hub.
struct HubKey: Hashable, Sendable {
    let plugin: String
    let producer: String
    /// The resolved parameters, independent of their spelling.
    let parameters: String

    /// The unit for which the number of hubs is limited.
    var counted: String { "\(plugin)/\(producer)" }
}

/// The home loop's view of another loop.
final class HubLink: Sendable {
    let loop: Int
    /// Batches that the loop has delivered, and batches that the home loop has sent to it.
    let delivered = Atomic<Int>(0)
    let sent = Atomic<Int>(0)
    /// The home loop is waiting for this loop.
    let isAwaited = Atomic<Bool>(false)

    /// How many batches may be on their way to a loop: more would only queue up.
    static let batchesMax = 16

    init(loop: Int) { self.loop = loop }

    var isCongested: Bool {
        sent.load(ordering: .relaxed) - delivered.load(ordering: .sequentiallyConsistent) >= Self.batchesMax
    }
}
