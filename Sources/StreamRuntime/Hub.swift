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
    /// Whose source it has; changes with a reload, behind the lock of the directory, on the home loop.
    private(set) var entry: ProducerEntry
    let home: Int
    let settings: HubSettings
    /// The first part of its ids.
    let epoch: String
    /// What `open` of the source is given: parameters, and nothing of any subscriber but an id that the producer itself made.
    let request: StreamRequest
    /// Those of `request`, as the producer of `entry` understands them; the home loop's.
    var parameters: any ResolvedParameters
    /// The hub of the same key that this one takes over from, because its producer was replaced.
    var predecessor: Hub?

    /// Follows no other hub, so that its history begins with what the source was first opened for.
    let isFirst: Bool

    /// Subscribers, those on their way included; behind the lock of the directory.
    var users = 0
    /// When the last of them left, on a clock that counts such moments; behind the same lock.
    var unusedSince: UInt64 = 0
    /// It has given its place to another hub and closes now, unless somebody comes for it before; behind the same lock.
    var isEvicted = false

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
    var opened = HubOpened()
    /// The producer has refused to open behind the id that it was given: now it opens without.
    var isIDRefused = false
    /// The source has failed on trial, and one of the generation before opens in its place: how the hub ends if that does not.
    var fallingBack: HubReplica.Ending?
    /// The trial of the generation in which the source has failed.
    var doubted: Trial?
    /// What the source was handed by `save`, until its first event: it may have to be opened once more.
    var saved: [UInt8]?
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
        parameters = request.parameters
        self.predecessor = predecessor
        isFirst = predecessor == nil
        self.epoch = predecessor?.epoch ?? epoch
        numbering = HubNumbering(epoch: self.epoch)
        master = HubReplica(epoch: numbering, settings: settings, serial: 0, entry: entry)
    }

    /// Behind the lock of the directory.
    fileprivate func succeed(by entry: ProducerEntry) { self.entry = entry }
}

/// What each loop is told of the open that is in force.
struct HubOpened: Sendable {
    /// What the producer added to the response.
    var headers: [StreamRequest.Field] = []
    /// The id behind which the history begins, because the source was opened behind it.
    var beginning: String?
}

/// What makes subscribers equal: they join the same hub.
struct HubKey: Hashable, Sendable {
    let plugin: String
    let producer: String
    /// The resolved parameters, however they were spelled.
    let parameters: String

    /// What the number of hubs is limited for.
    fileprivate var counted: String { "\(plugin)/\(producer)" }
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
        /// Counts the moments at which a hub lost its last user.
        var departures: UInt64 = 0
    }

    enum Joined {
        case hub(Hub)
        /// To make room, a hub that nobody uses is to close: its home loop must be told.
        case hubInPlace(of: Hub, Hub)
        /// The producer has as many hubs as it may, and all are in use.
        case full
        /// A newer generation serves the key.
        case superseded
    }

    private let state = Mutex(State())
    private let startMicroseconds: UInt64

    /// - Parameter startMicroseconds: of the wall clock; makes ids of this process differ from those of the one before.
    init(startMicroseconds: UInt64) { self.startMicroseconds = startMicroseconds }

    /// Adds a user to the hub of the key, which is made if there is none for this entry.
    /// - Parameter limit: of hubs of one producer. When it is reached, the hub that was unused for the longest time makes room.
    func join(
        _ key: HubKey, entry: ProducerEntry, home: Int, settings: HubSettings, limit: Int, request: () -> StreamRequest
    ) -> Joined {
        state.withLock { state in
            let existing = state.hubs[key]
            // A request that was matched before a reload must not displace what came with it. A hub that can go on does so, with
            // whoever comes now, whether its source has changed already or not.
            let goesOn = existing.map { $0.entry.newest === entry.newest } ?? false
            if let existing, !goesOn, existing.entry.generation.number > entry.generation.number,
                !existing.entry.generation.isRetired
            {
                return .superseded
            }
            var evicted: Hub?
            if existing?.isEvicted ?? true {
                if state.counts[key.counted, default: 0] >= limit {
                    evicted = longestUnused(like: key, state)
                    guard let evicted else { return .full }
                    evicted.isEvicted = true
                    state.counts[key.counted, default: 1] -= 1
                }
                state.counts[key.counted, default: 0] += 1
                existing?.isEvicted = false
            }
            let hub: Hub
            if let existing, goesOn {
                hub = existing
            } else {
                state.serial += 1
                hub = Hub(
                    key: key, entry: entry, home: existing?.home ?? home, settings: settings, request: request(),
                    predecessor: existing,
                    epoch: HubNumbering.newEpoch(microseconds: startMicroseconds, serial: state.serial))
                state.hubs[key] = hub
            }
            hub.users += 1
            return evicted.map { .hubInPlace(of: $0, hub) } ?? .hub(hub)
        }
    }

    private func longestUnused(like key: HubKey, _ state: State) -> Hub? {
        state.hubs.values.filter { $0.users == 0 && !$0.isEvicted && $0.key.counted == key.counted }
            .min { $0.unusedSince < $1.unusedSince }
    }

    /// The source of the hub is this producer's from now on.
    func succeed(_ hub: Hub, by entry: ProducerEntry) { state.withLock { _ in hub.succeed(by: entry) } }

    /// - Returns: `true` if that was the last user.
    func leave(_ hub: Hub) -> Bool {
        state.withLock { state in
            hub.users -= 1
            state.departures += 1
            hub.unusedSince = state.departures
            return hub.users == 0
        }
    }

    func hasUsers(_ hub: Hub) -> Bool { state.withLock { _ in hub.users > 0 } }

    /// Newcomers still find the hub under its key, and it has its place.
    func isKept(_ hub: Hub) -> Bool { state.withLock { $0.hubs[hub.key] === hub && !hub.isEvicted } }

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
        if hub.isEvicted { return }
        state.counts[hub.key.counted, default: 1] -= 1
    }

    var count: Int { state.withLock { $0.hubs.count } }
}
