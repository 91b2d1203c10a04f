import Synchronization

/// How many connections the front door has, on all its threads, and who waits for them to become fewer.
///
/// When it is full, a newcomer takes the place of the connection that has waited longest for its client.
final class Population: Sendable {
    let state: Mutex<State>

    struct State {
        var limit: Int
        var count = 0
        var turnedAway = 0
        var madeRoom = 0
        /// Those that are about to be.
        var lettingGo = 0
        /// Those that wait for their clients, on each thread.
        var waiting: [WaitingThread] = []
        /// Connections that came since the last burst was over.
        var arrivals = 0
        /// Somebody waits until one leaves.
        var wantsRoom = false
        /// Or until one begins to wait for its client, and so can make room.
        var wantsWaiting = false
        var room: (@Sendable () -> Void)?
        var empty: (@Sendable () -> Void)?
        var burstOver: (@Sendable () -> Void)?
    }

    /// So many connections, until none is left, are a burst.
    static let burst = 1000

    init(limit: Int) {
        state = Mutex(State(limit: limit))
    }

    var limit: Int { state.withLock { $0.limit } }

    /// Those that are there stay, even if they are more.
    func replaceLimit(_ limit: Int) {
        let room = state.withLock { state in
            state.limit = limit
            guard state.wantsRoom, state.count < limit else { return (@Sendable () -> Void)?.none }
            state.wantsRoom = false
            return state.room
        }
        room?()
    }

    var count: Int { state.withLock { $0.count } }

    /// Subscribers that were turned away so far.
    var turnedAwayCount: Int { state.withLock { $0.turnedAway } }

    func turnedAway() {
        state.withLock { $0.turnedAway += 1 }
    }

    /// Called, from any thread, each time that there is room again after `roomElseWait` said no.
    func whenThereIsRoom(_ room: (@Sendable () -> Void)?) {
        state.withLock { $0.room = room }
    }

    func joined() {
        state.withLock { state in
            state.count += 1
            state.arrivals += 1
        }
    }

    /// - Parameter letGo: it makes room for a newcomer. In one step: whoever comes in between must not take it for two that have left.
    func left(letGo: Bool = false) {
        let calls = state.withLock { state in
            state.count -= 1
            if letGo { state.lettingGo -= 1 }
            var calls: [(@Sendable () -> Void)?] = []
            if state.wantsRoom, state.count < state.limit || state.wantsWaiting && state.canMakeRoom {
                state.wantsRoom = false
                state.wantsWaiting = false
                calls.append(state.room)
            }
            if state.count == 0 { calls.append(state.empty.take()) }
            if state.count == 0, state.arrivals >= Self.burst {
                state.arrivals = 0
                calls.append(state.burstOver)
            }
            return calls
        }
        for call in calls { call?() }
    }

    /// Called, from any thread, each time that nobody is left of a burst of connections.
    func afterBursts(_ over: (@Sendable () -> Void)?) {
        state.withLock { $0.burstOver = over }
    }

    /// Calls once, from any thread, when nobody is left; at once if nobody is there.
    /// - Parameter empty: takes the place of the one before; `nil` if nobody waits any longer.
    func whenEmpty(_ empty: (@Sendable () -> Void)?) {
        let isEmpty = state.withLock { state in
            state.empty = state.count > 0 ? empty : nil
            return state.count == 0
        }
        if isEmpty { empty?() }
    }
}
