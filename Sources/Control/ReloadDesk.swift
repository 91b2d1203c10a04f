package import CommandOutput
import Locks
import Synchronization

/// Where reloads are asked for and answered: who asks while one runs is answered by the next, which begins after the
/// question.
package final class ReloadDesk: Sendable {
    package struct Refusal: Sendable, Equatable {
        /// Seconds since 1970.
        package let at: Int64
        package let error: String
    }

    package struct Record: Sendable {
        package var isReloading = false
        /// Reloads that came to their end.
        package var count = 0
        /// Seconds since 1970.
        package var lastAt: Int64?
        /// The last ones, the oldest first.
        package var refusals: [Refusal] = []
    }

    static let refusalsMax = 20

    fileprivate struct State {
        var record = Record()
        /// Questions so far; each is a ticket.
        var asked = 0
        /// One of those that the next reload answers wants it by force.
        var isForced = false
        var result = Result<ReloadOutcome, CommandFailure>.success(ReloadOutcome())
        var waiting: [(ticket: Int, semaphore: Semaphore)] = []
    }

    private let state = Mutex(State())

    package init() {}

    package var record: Record { state.withLock(\.record) }

    /// Asks for a reload, and waits for its end.
    /// - Parameters:
    ///   - isForced: what was refused or taken back is tried again.
    ///   - seconds: how long.
    ///   - post: tells the one who reloads.
    /// - Returns: what it did, or why nothing was done at all; `nil` when the time is up.
    package func ask(isForced: Bool = false, seconds: Int, post: () -> Void) -> Result<ReloadOutcome, CommandFailure>? {
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
            return isAnswered ? state.result : nil
        }
    }

    /// A reload begins: it answers all questions that were asked so far.
    /// - Returns: what `end` wants to know, and whether one of them wants it by force.
    package func begin() -> (ticket: Int, isForced: Bool) {
        state.withLock { state in
            state.record.isReloading = true
            defer { state.isForced = false }
            return (state.asked, state.isForced)
        }
    }

    /// - Parameters:
    ///   - ticket: from `begin`.
    ///   - time: seconds since 1970.
    package func end(_ ticket: Int, _ result: Result<ReloadOutcome, CommandFailure>, at time: Int64) {
        let answered = state.withLock { state in
            state.record.isReloading = false
            state.record.count += 1
            state.record.lastAt = time
            state.result = result
            switch result {
            case .success(let outcome): state.note(outcome.refusals ?? [], at: time)
            case .failure(let failure): state.note([failure.description], at: time)
            }
            defer { state.waiting.removeAll { $0.ticket <= ticket } }
            return state.waiting.filter { $0.ticket <= ticket }.map(\.semaphore)
        }
        for semaphore in answered { semaphore.post() }
    }

    /// Answers all who wait, without having reloaded.
    package func refuse(_ reason: String) {
        let answered = state.withLock { state in
            state.result = .failure(CommandFailure(reason))
            defer { state.waiting = [] }
            return state.waiting.map(\.semaphore)
        }
        for semaphore in answered { semaphore.post() }
    }

    /// What was refused without anybody asking: at the start.
    package func note(_ refusals: [String], at time: Int64) {
        state.withLock { $0.note(refusals, at: time) }
    }
}

extension ReloadDesk.State {
    fileprivate mutating func note(_ refusals: [String], at time: Int64) {
        record.refusals += refusals.map { ReloadDesk.Refusal(at: time, error: $0) }
        record.refusals.removeFirst(max(0, record.refusals.count - ReloadDesk.refusalsMax))
    }
}
