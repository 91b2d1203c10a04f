import NIOCore
import Synchronization

/// Makes room for new connections when the front door is full: closes the connection that has waited longest for its
/// client, on whichever thread it lives.
extension ConnectionCounts {
    /// The connections of one thread that wait for their clients.
    struct WaitingThread {
        var count = 0
        /// When the longest of these waits began; `nil` if none waits.
        var since: NIODeadline?
        /// Closes the connection that has waited longest, on its thread, because of the limit of that name.
        let makeRoom: @Sendable (_ limit: String) -> Void
    }

    /// Whether a new connection may be accepted.
    enum Room: Equatable {
        case now
        /// By then one connection will have waited long enough to make room.
        case at(NIODeadline)
        /// The gate's `roomMade` is called when there is.
        case none
    }

    /// No connection makes room earlier: in a flood, new connections would evict each other before their requests could
    /// arrive.
    static let rest = TimeAmount.milliseconds(100)

    /// A new connection evicts no more than this, even if the limit was lowered far below the number of connections.
    static let madeRoomAtOnce = 2

    /// - Returns: the number by which the thread is known.
    func addThread(makeRoom: @escaping @Sendable (_ limit: String) -> Void) -> Int {
        state.withLock { state in
            state.waiting.append(WaitingThread(makeRoom: makeRoom))
            return state.waiting.count - 1
        }
    }

    /// - Parameter since: when the longest of these waits began.
    func waitingChanged(on thread: Int, count: Int, since: NIODeadline?) {
        let calls = state.withLock { state in
            state.waiting[thread].count = count
            state.waiting[thread].since = since
            let canMakeRoom = state.canMakeRoom
            return state.takeWaitingGates { $0.wantsWaiting && canMakeRoom }
        }
        for call in calls { call() }
    }

    func roomElseWait(at now: NIODeadline, for gate: Int) -> Room {
        state.withLock { state in
            let room = state.room(at: now)
            state.gates[gate]?.wantsRoom = room != .now
            state.gates[gate]?.wantsWaiting = room == .none
            return room
        }
    }

    /// For a new connection that was accepted: closes waiting connections if there are too many.
    func makeRoom() {
        for _ in 0..<Self.madeRoomAtOnce {
            let (makeRoom, limit) = state.withLock { state in
                (state.count - state.makingRoom > state.limit ? state.takeLongestWaiting() : nil, state.limit)
            }
            guard let makeRoom else { return }
            makeRoom("max-connections=\(limit)")
        }
    }

    /// For a new connection for which no descriptor is left; it also needs a second one while its stream is handed
    /// over.
    /// - Returns: whether any connection is closed.
    func makeDescriptors(at now: NIODeadline) -> Bool {
        var isMade = false
        for _ in 0..<Self.madeRoomAtOnce {
            let makeRoom = state.withLock { state in
                state.longestWaiting.map { $0.since + Self.rest <= now } == true ? state.takeLongestWaiting() : nil
            }
            guard let makeRoom else { break }
            makeRoom("open files")
            isMade = true
        }
        return isMade
    }

    /// Connections that were closed to make room, so far.
    var madeRoomCount: Int { state.withLock { $0.madeRoom } }

    func countMadeRoom() { state.withLock { $0.madeRoom += 1 } }

    /// A thread was asked to make room, and had no connection that was still waiting.
    func noRoomMade() { state.withLock { $0.makingRoom -= 1 } }
}

extension ConnectionCounts.State {
    fileprivate func room(at now: NIODeadline) -> ConnectionCounts.Room {
        guard count >= limit else { return .now }
        guard canMakeRoom, let oldest = longestWaiting else { return .none }
        let due = oldest.since + ConnectionCounts.rest
        return due > now ? .at(due) : .now
    }

    /// - Returns: the functions that tell these gates to try again; they no longer wait.
    mutating func takeWaitingGates(where isToTry: (ConnectionCounts.Gate) -> Bool) -> [@Sendable () -> Void] {
        var calls: [@Sendable () -> Void] = []
        for (number, gate) in gates where isToTry(gate) {
            gates[number]?.wantsRoom = false
            gates[number]?.wantsWaiting = false
            calls.append(gate.roomMade)
        }
        return calls
    }

    /// Some connections wait, and those that do not, and so cannot make room, are fewer than the limit.
    var canMakeRoom: Bool {
        let waitingCount = waiting.reduce(0) { $0 + $1.count }
        return waitingCount > 0 && count - waitingCount < limit
    }

    fileprivate var longestWaiting: (thread: Int, since: NIODeadline)? {
        var longest: (thread: Int, since: NIODeadline)?
        for (thread, waiting) in waiting.enumerated() {
            guard let since = waiting.since, since < longest?.since ?? .distantFuture else { continue }
            longest = (thread, since)
        }
        return longest
    }

    /// It is no longer counted as waiting, though its thread has not closed it yet.
    fileprivate mutating func takeLongestWaiting() -> (@Sendable (String) -> Void)? {
        guard let thread = longestWaiting?.thread else { return nil }
        waiting[thread].count -= 1
        if waiting[thread].count == 0 { waiting[thread].since = nil }
        makingRoom += 1
        return waiting[thread].makeRoom
    }
}
