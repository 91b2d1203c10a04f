package import CommandOutput
import Locks
import Synchronization

/// Connects those who ask for a reload with the thread that reloads. A request that is made during a reload is answered
/// by the next reload, which starts after it.
package final class ReloadDesk: Sendable {
    package struct Refusal: Sendable, Equatable {
        /// Seconds since 1970.
        package let at: Int64
        package let error: String
    }

    package struct Record: Sendable {
        package var isReloading = false
        /// Reloads that have finished.
        package var count = 0
        /// Those of them in which a plugin was refused, and those that changed nothing because of an error.
        package var refused = 0
        package var failed = 0
        /// Seconds since 1970.
        package var lastAt: Int64?
        /// The latest ones, the oldest first.
        package var refusals: [Refusal] = []
    }

    static let refusalsMax = 20

    fileprivate struct State {
        var record = Record()
        /// Requests so far; each request's ticket is its number.
        var asked = 0
        /// Whether one of the requests that the next reload answers is forced.
        var isForced = false
        var result = Result<ReloadOutcome, CommandFailure>.success(ReloadOutcome())
        var waiting: [(ticket: Int, semaphore: Semaphore)] = []
    }

    private let state = Mutex(State())

    package init() {}

    package var record: Record { state.withLock(\.record) }

    /// Requests a reload, and waits until it has finished.
    /// - Parameters:
    ///   - isForced: whether plugins that were refused or rolled back are tried again.
    ///   - seconds: how long to wait.
    ///   - post: notifies the thread that reloads.
    /// - Returns: what the reload did, or why it was not possible; `nil` after a timeout.
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

    /// Starts a reload, which answers all requests made so far.
    /// - Returns: the ticket for `end`, and whether one of the requests is forced.
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
            case .success(let outcome):
                if outcome.refusals?.isEmpty == false { state.record.refused += 1 }
                state.note(outcome.refusals ?? [], at: time)
            case .failure(let failure):
                state.record.failed += 1
                state.note([failure.description], at: time)
            }
            defer { state.waiting.removeAll { $0.ticket <= ticket } }
            return state.waiting.filter { $0.ticket <= ticket }.map(\.semaphore)
        }
        for semaphore in answered { semaphore.post() }
    }

    /// Answers all waiting requests without a reload.
    package func refuse(_ reason: String) {
        let answered = state.withLock { state in
            state.result = .failure(CommandFailure(reason))
            defer { state.waiting = [] }
            return state.waiting.map(\.semaphore)
        }
        for semaphore in answered { semaphore.post() }
    }

    /// Records refusals that no request caused: those at the start.
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
