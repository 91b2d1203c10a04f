import ProducerInterface
import Synchronization

/// Which hub serves which parameters. Any thread can use it.
final class HubDirectory: Sendable {
    private struct State {
        var hubs: [HubKey: Hub] = [:]
        /// By plugin and producer.
        var counts: [String: Int] = [:]
        var serial: UInt64 = 0
        /// Counts how often a hub has lost its last user.
        var departures: UInt64 = 0
    }

    enum Joined {
        case hub(Hub)
        /// An unused hub must close to make room: its home loop must be told.
        case hubInPlace(of: Hub, Hub)
        /// The producer has reached its limit of hubs, and all are in use.
        case full
        /// A newer generation serves the key.
        case superseded
    }

    private let state = Mutex(State())
    private let startMicroseconds: UInt64
    private let makeHistory: HistoryMaking

    /// - Parameter startMicroseconds: of the wall clock; makes the ids of this process differ from those of an earlier
    ///   one.
    init(startMicroseconds: UInt64, history: @escaping HistoryMaking) {
        self.startMicroseconds = startMicroseconds
        makeHistory = history
    }

    /// Adds a user to the hub of the key. The hub is made if there is none for this entry.
    /// - Parameter limit: the number of hubs per producer. If it is reached, the hub that has been unused longest makes
    ///   room.
    func join(
        _ key: HubKey, entry: ProducerEntry, home: Int, settings: HubSettings, limit: Int, request: () -> StreamRequest
    ) -> Joined {
        state.withLock { state in
            let existing = state.hubs[key]
            // A request that was matched before a reload must not displace a hub of the newer generation. A hub that
            // can continue does so, also for newcomers, whether or not its stream has been replaced already.
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
                    key: key, entry: entry, home: existing?.home ?? home, settings: settings,
                    history: makeHistory(settings), request: request(),
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

    /// From now on, the hub's stream belongs to this producer.
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

    /// Newcomers still find the hub under its key, and it has not given up its place.
    func isKept(_ hub: Hub) -> Bool { state.withLock { $0.hubs[hub.key] === hub && !hub.isEvicted } }

    /// - Returns: `true` if the hub has no users, and will get none.
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

    var hubs: [Hub] { state.withLock { Array($0.hubs.values) } }
}
