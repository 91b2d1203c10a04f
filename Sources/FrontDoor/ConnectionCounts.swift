import Synchronization

/// How many connections the front door has, on all its threads, and the gates that wait for them to become fewer.
///
/// When it is full, a new connection takes the place of the one that has waited longest for its client.
final class ConnectionCounts: Sendable {
    let state: Mutex<State>

    struct State {
        var limit: Int
        var count = 0
        /// Subscribers that were turned away, by kind.
        var turnedAway: [String: Int] = [:]
        /// Requests that may not be asked, by kind.
        var refused: [String: Int] = [:]
        /// Connections that were closed to make room.
        var madeRoom = 0
        /// Connections that are about to be closed to make room.
        var makingRoom = 0
        /// The connections that wait for their clients, on each thread.
        var waiting: [WaitingThread] = []
        /// Connections that arrived since the last burst was over.
        var arrivals = 0
        /// The gates of the listening channels, by number.
        var gates: [Int: Gate] = [:]
        var gateCount = 0
        var empty: (@Sendable () -> Void)?
        var burstOver: (@Sendable () -> Void)?
    }

    /// The gate of one listening channel.
    struct Gate {
        /// It waits until a connection leaves.
        var wantsRoom = false
        /// Or until one begins to wait for its client, and so can make room.
        var wantsWaiting = false
        let roomMade: @Sendable () -> Void
    }

    /// This many connections, until none is left, are a burst.
    static let burst = 1000

    init(limit: Int) {
        state = Mutex(State(limit: limit))
    }

    var limit: Int { state.withLock { $0.limit } }

    /// Existing connections stay, even if they are more.
    func replaceLimit(_ limit: Int) {
        let calls = state.withLock { state in
            state.limit = limit
            return state.count < limit ? state.takeWaitingGates { $0.wantsRoom } : []
        }
        for call in calls { call() }
    }

    var count: Int { state.withLock { $0.count } }

    /// Subscribers that were turned away so far.
    var turnedAway: [String: Int] { state.withLock { $0.turnedAway } }

    func countTurnedAway(_ kind: String) {
        state.withLock { $0.turnedAway[kind, default: 0] += 1 }
    }

    /// Requests that may not be asked, since the start.
    var refused: [String: Int] { state.withLock { $0.refused } }

    func countRefused(_ kind: String) {
        state.withLock { $0.refused[kind, default: 0] += 1 }
    }

    /// - Parameter roomMade: called, from any thread, each time that there is room again after `roomElseWait` found
    ///   none.
    /// - Returns: the number by which the gate is known.
    func addGate(roomMade: @escaping @Sendable () -> Void) -> Int {
        state.withLock { state in
            state.gateCount += 1
            state.gates[state.gateCount] = Gate(roomMade: roomMade)
            return state.gateCount
        }
    }

    func removeGate(_ number: Int) { state.withLock { $0.gates[number] = nil } }

    func joined() {
        state.withLock { state in
            state.count += 1
            state.arrivals += 1
        }
    }

    /// - Parameter makesRoom: whether it leaves to make room for a new connection. Both counts change in one step, so
    ///   that a connection that arrives in between does not see two that have left.
    func left(makesRoom: Bool = false) {
        let calls = state.withLock { state in
            state.count -= 1
            if makesRoom { state.makingRoom -= 1 }
            let (hasRoom, canMakeRoom) = (state.count < state.limit, state.canMakeRoom)
            var calls = state.takeWaitingGates { $0.wantsRoom && (hasRoom || $0.wantsWaiting && canMakeRoom) }
            if state.count == 0, let empty = state.empty.take() { calls.append(empty) }
            if state.count == 0, state.arrivals >= Self.burst {
                state.arrivals = 0
                if let burstOver = state.burstOver { calls.append(burstOver) }
            }
            return calls
        }
        for call in calls { call() }
    }

    /// Sets what is called, from any thread, each time that no connection is left after a burst.
    func afterBursts(_ over: (@Sendable () -> Void)?) {
        state.withLock { $0.burstOver = over }
    }

    /// Calls `empty` once, from any thread, when no connection is left; at once if there is none.
    /// - Parameter empty: replaces the previous function; `nil`: nothing is called any longer.
    func whenEmpty(_ empty: (@Sendable () -> Void)?) {
        let isEmpty = state.withLock { state in
            state.empty = state.count > 0 ? empty : nil
            return state.count == 0
        }
        if isEmpty { empty?() }
    }
}
