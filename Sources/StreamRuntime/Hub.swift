import EventStream
import StreamLoop
import Synchronization

/// What fans one stream out to many subscribers: the source, on its home loop, and what all loops must know of it.
///
/// Its source is an ordinary stream of that loop. Each loop that has subscribers keeps a replica of the history, whose chunks all
/// share; one message per batch goes to each such loop, never one per subscriber.
final class Hub: @unchecked Sendable {
    // Unchecked: `users` is behind the directory's lock; what changes otherwise is touched on the home loop only.
    let key: HubKey
    let entry: ProducerEntry
    let home: Int
    let settings: HubSettings
    /// The first part of its ids.
    let epoch: String
    /// What `open` of the source is given: parameters, and nothing of any subscriber but an id that the producer itself made.
    let request: StreamRequest
    /// The hub of the same key that this one takes over from, because its producer was replaced.
    var predecessor: Hub?

    /// Follows no other hub, so that its history begins with what the source was first opened for.
    let isFirst: Bool

    /// Subscribers, those on their way included; behind the lock of the directory.
    var users = 0

    enum State {
        /// No source: not opened yet, or closed after its linger time.
        case idle
        case opening
        case open
        case closing
        /// Its source ended: newcomers find another hub under the key.
        case over
    }

    // The home loop's.
    var state = State.idle
    var source: StreamToken?
    var headers: [StreamRequest.Field] = []
    var numbering: HubNumbering
    let master: HubReplica
    /// The other loops that have subscribers.
    var links: [HubLink] = []
    /// Loops whose request waits for the source to open, with the serial of their replica.
    var requests: [(loop: Int, serial: UInt64)] = []
    /// When the source closes unless somebody comes; `Int64.max`: somebody is there.
    var lingerUntil = Int64.max
    /// A loop is too far behind to be sent more.
    var isHeld = false

    init(
        key: HubKey, entry: ProducerEntry, home: Int, settings: HubSettings, request: StreamRequest, predecessor: Hub?,
        epoch: String
    ) {
        self.key = key
        self.entry = entry
        self.home = home
        self.settings = settings
        self.request = request
        self.predecessor = predecessor
        isFirst = predecessor == nil
        self.epoch = predecessor?.epoch ?? epoch
        numbering = HubNumbering(epoch: self.epoch)
        master = HubReplica(epoch: numbering, settings: settings, serial: 0)
    }
}

/// What makes subscribers equal: they join the same hub.
struct HubKey: Hashable, Sendable {
    let plugin: String
    let producer: String
    /// The resolved parameters, however they were spelled.
    let parameters: String
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

/// Which hub serves which parameters; any thread.
final class HubDirectory: Sendable {
    private struct State {
        var hubs: [HubKey: Hub] = [:]
        /// By plugin and producer.
        var counts: [String: Int] = [:]
        var serial: UInt64 = 0
    }

    private let state = Mutex(State())
    private let startMicroseconds: UInt64

    /// - Parameter startMicroseconds: of the wall clock; makes ids of this process differ from those of the one before.
    init(startMicroseconds: UInt64) { self.startMicroseconds = startMicroseconds }

    /// Adds a user to the hub of the key, which is made if there is none for this entry.
    /// - Returns: `nil` if the producer has `limit` hubs already.
    func join(
        _ key: HubKey, entry: ProducerEntry, home: Int, settings: HubSettings, limit: Int, request: () -> StreamRequest
    ) -> Hub? {
        state.withLock { state in
            let existing = state.hubs[key]
            if let existing, existing.entry === entry {
                existing.users += 1
                return existing
            }
            let counted = "\(key.plugin)/\(key.producer)"
            if existing == nil {
                guard state.counts[counted, default: 0] < limit else { return nil }
                state.counts[counted, default: 0] += 1
            }
            state.serial += 1
            let hub = Hub(
                key: key, entry: entry, home: existing?.home ?? home, settings: settings, request: request(),
                predecessor: existing,
                epoch: HubNumbering.newEpoch(microseconds: startMicroseconds, serial: state.serial))
            hub.users = 1
            state.hubs[key] = hub
            return hub
        }
    }

    /// - Returns: `true` if that was the last user.
    func leave(_ hub: Hub) -> Bool {
        state.withLock { _ in
            hub.users -= 1
            return hub.users == 0
        }
    }

    func hasUsers(_ hub: Hub) -> Bool { state.withLock { _ in hub.users > 0 } }

    /// Newcomers still find the hub under its key.
    func isFound(_ hub: Hub) -> Bool { state.withLock { $0.hubs[hub.key] === hub } }

    /// - Returns: `true` if nobody uses the hub, and nobody will.
    func removeIfUnused(_ hub: Hub) -> Bool {
        state.withLock { state in
            guard hub.users == 0 else { return false }
            remove(hub, &state)
            return true
        }
    }

    /// Newcomers no longer find this hub.
    func remove(_ hub: Hub) { state.withLock { remove(hub, &$0) } }

    private func remove(_ hub: Hub, _ state: inout State) {
        guard state.hubs[hub.key] === hub else { return }
        state.hubs[hub.key] = nil
        state.counts["\(hub.key.plugin)/\(hub.key.producer)", default: 1] -= 1
    }

    var count: Int { state.withLock { $0.hubs.count } }
}
