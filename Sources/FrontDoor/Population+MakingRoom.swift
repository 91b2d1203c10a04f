import NIOCore
import Synchronization

/// Who makes room for newcomers when the front door is full: the connection that has waited longest for its client, on whatever
/// thread it lives.
extension Population {
    /// One thread's connections that wait for their clients.
    struct WaitingThread {
        var count = 0
        /// When the one that has waited longest began to; `nil` if none waits.
        var since: NIODeadline?
        /// Lets the first of them go, on its thread, because of the limit of that name.
        let letGo: @Sendable (_ limit: String) -> Void
    }

    /// Whether a newcomer may be accepted.
    enum Room: Equatable {
        case now
        /// By then somebody will have waited long enough to make room.
        case at(NIODeadline)
        /// `whenThereIsRoom` tells.
        case none
    }

    /// Nobody makes room earlier: newcomers in a flood would drive each other out before their requests could arrive.
    static let rest = TimeAmount.milliseconds(100)

    /// A newcomer drives out no more than that, also when the limit was lowered far below those that are there.
    static let letGoAtOnce = 2

    /// - Returns: what a thread names itself by.
    func addThread(letGo: @escaping @Sendable (_ limit: String) -> Void) -> Int {
        state.withLock { state in
            state.waiting.append(WaitingThread(letGo: letGo))
            return state.waiting.count - 1
        }
    }

    /// - Parameter since: when the first of them began to wait.
    func waitingChanged(on thread: Int, count: Int, since: NIODeadline?) {
        let room = state.withLock { state in
            state.waiting[thread].count = count
            state.waiting[thread].since = since
            guard state.wantsWaiting, state.canMakeRoom else { return (@Sendable () -> Void)?.none }
            state.wantsRoom = false
            state.wantsWaiting = false
            return state.room
        }
        room?()
    }

    func roomElseWait(at now: NIODeadline) -> Room {
        state.withLock { state in
            state.wantsRoom = state.count >= state.limit
            state.wantsWaiting = false
            guard state.wantsRoom else { return .now }
            if state.canMakeRoom, let oldest = state.longestWaiting {
                let due = oldest.since + Self.rest
                if due > now { return .at(due) }
                state.wantsRoom = false
                return .now
            }
            state.wantsWaiting = true
            return .none
        }
    }

    /// For a newcomer that is there: lets go of as many as are too many, if they wait.
    func makeRoom() {
        for _ in 0..<Self.letGoAtOnce {
            let (letGo, limit) = state.withLock { state in
                (state.count - state.lettingGo > state.limit ? state.takeLongestWaiting() : nil, state.limit)
            }
            guard let letGo else { return }
            letGo("max-connections=\(limit)")
        }
    }

    /// For a newcomer that has no descriptor, and needs a second one while its stream is handed over.
    /// - Returns: whether somebody is let go.
    func makeDescriptors(at now: NIODeadline) -> Bool {
        var isMade = false
        for _ in 0..<Self.letGoAtOnce {
            let letGo = state.withLock { state in
                state.longestWaiting.map { $0.since + Self.rest <= now } == true ? state.takeLongestWaiting() : nil
            }
            guard let letGo else { break }
            letGo("open files")
            isMade = true
        }
        return isMade
    }

    /// Connections that were let go to make room, so far.
    var madeRoomCount: Int { state.withLock { $0.madeRoom } }

    func countMadeRoom() { state.withLock { $0.madeRoom += 1 } }

    /// A thread was asked to let go, and had nobody who still waited.
    func nobodyLetGo() { state.withLock { $0.lettingGo -= 1 } }
}

extension Population.State {
    /// Somebody waits, and those that don't, and so can't make room, are fewer than the limit.
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

    /// Until the thread has let it go, it is not counted among those that wait.
    fileprivate mutating func takeLongestWaiting() -> (@Sendable (String) -> Void)? {
        guard let thread = longestWaiting?.thread else { return nil }
        waiting[thread].count -= 1
        if waiting[thread].count == 0 { waiting[thread].since = nil }
        lettingGo += 1
        return waiting[thread].letGo
    }
}
