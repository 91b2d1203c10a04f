import Synchronization

/// What a reload did: to the settings, and to the plugins.
struct ReloadOutcome: Sendable, Equatable {
    var loaded: [String] = []
    var replaced: [String] = []
    var removed: [String] = []
    var renamed: [String] = []
    var unchanged = 0
    /// One line each.
    var refusals: [String] = []
    /// Settings that now have another value.
    var changedSettings: [String] = []
    /// Settings that have another value in their source, but need a new start.
    var fixedSettings: [String] = []
    /// Why nothing was done at all.
    var error: String?

    var json: JSONValue {
        let members: [(name: String, value: JSONValue)] = [
            ("loaded", .texts(loaded)), ("replaced", .texts(replaced)), ("removed", .texts(removed)),
            ("renamed", .texts(renamed)), ("unchanged", .integer(unchanged)), ("refusals", .texts(refusals)),
            ("changed_settings", .texts(changedSettings)), ("fixed_settings", .texts(fixedSettings)),
        ]
        return error.map(ControlProtocol.refusal) ?? ControlProtocol.answer(members)
    }
}

/// Where reloads are asked for and answered: who asks while one runs is answered by the next, which begins after the question.
final class ReloadDesk: Sendable {
    struct Refusal: Sendable, Equatable {
        /// Seconds since 1970.
        let at: Int64
        let error: String
    }

    struct Record: Sendable {
        var isReloading = false
        /// Reloads that came to their end.
        var count = 0
        /// Seconds since 1970.
        var lastAt: Int64?
        /// The last ones, the oldest first.
        var refusals: [Refusal] = []
    }

    static let refusalsMax = 20

    fileprivate struct State {
        var record = Record()
        /// Questions so far; each is a ticket.
        var asked = 0
        /// One of those that the next reload answers wants it by force.
        var isForced = false
        var outcome = ReloadOutcome()
        var waiting: [(ticket: Int, semaphore: Semaphore)] = []
    }

    private let state = Mutex(State())

    var record: Record { state.withLock(\.record) }

    /// Asks for a reload, and waits for its end.
    /// - Parameters:
    ///   - isForced: what was refused or taken back is tried again.
    ///   - seconds: how long.
    ///   - post: tells the one who reloads.
    /// - Returns: `nil` when the time is up.
    func ask(isForced: Bool = false, seconds: Int, post: () -> Void) -> ReloadOutcome? {
        let semaphore = Semaphore()
        state.withLock { state in
            state.asked += 1
            if isForced { state.isForced = true }
            state.waiting.append((state.asked, semaphore))
        }
        post()
        let isAnswered = semaphore.wait(seconds: seconds)
        return state.withLock { state in
            state.waiting.removeAll { $0.semaphore === semaphore }
            return isAnswered ? state.outcome : nil
        }
    }

    /// A reload begins: it answers all questions that were asked so far.
    /// - Returns: what `end` wants to know, and whether one of them wants it by force.
    func begin() -> (ticket: Int, isForced: Bool) {
        state.withLock { state in
            state.record.isReloading = true
            defer { state.isForced = false }
            return (state.asked, state.isForced)
        }
    }

    /// - Parameters:
    ///   - ticket: from `begin`.
    ///   - time: seconds since 1970.
    func end(_ ticket: Int, _ outcome: ReloadOutcome, at time: Int64) {
        let answered = state.withLock { state in
            state.record.isReloading = false
            state.record.count += 1
            state.record.lastAt = time
            state.outcome = outcome
            state.note(outcome.refusals + (outcome.error.map { [$0] } ?? []), at: time)
            defer { state.waiting.removeAll { $0.ticket <= ticket } }
            return state.waiting.filter { $0.ticket <= ticket }.map(\.semaphore)
        }
        for semaphore in answered { semaphore.post() }
    }

    /// Answers all who wait, without having reloaded.
    func refuse(_ reason: String) {
        let answered = state.withLock { state in
            state.outcome = ReloadOutcome(error: reason)
            defer { state.waiting = [] }
            return state.waiting.map(\.semaphore)
        }
        for semaphore in answered { semaphore.post() }
    }

    /// What was refused without anybody asking: at the start.
    func note(_ refusals: [String], at time: Int64) {
        state.withLock { $0.note(refusals, at: time) }
    }
}

extension ReloadDesk.State {
    fileprivate mutating func note(_ refusals: [String], at time: Int64) {
        record.refusals += refusals.map { ReloadDesk.Refusal(at: time, error: $0) }
        record.refusals.removeFirst(max(0, record.refusals.count - ReloadDesk.refusalsMax))
    }
}
