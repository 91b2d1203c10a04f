import Dispatch
import Synchronization

/// Where cancelled tasks end that were not over at once: on one thread, as long as each of their jobs gives it back;
/// one that does not keeps it, and the others get another.
final class AwayThreads: Sendable {
    static let shared = AwayThreads()

    private struct State {
        var jobs: [(job: UnownedJob, executor: HomeExecutor)] = []
        /// Of the jobs, those before this one are taken.
        var head = 0
        var takenCount = 0
        var threadCount = 0
        var isWatched = false
    }

    private let state = Mutex(State())
    private let watch = DispatchQueue(label: "sluice-away-watch")

    /// A thread that takes no job for so long while jobs wait is given up.
    private static let patience = DispatchTimeInterval.milliseconds(10)
    private static let threadCountMax = 200

    func run(_ job: UnownedJob, on executor: HomeExecutor) {
        let (isFirst, isUnwatched, takenCount) = state.withLock { state in
            state.jobs.append((job, executor))
            let isFirst = state.threadCount == 0
            if isFirst { state.threadCount = 1 }
            defer { state.isWatched = true }
            return (isFirst, !state.isWatched, state.takenCount)
        }
        if isFirst { startThread() }
        if isUnwatched { lookLater(takenCount) }
    }

    private func startThread() {
        // A queue of its own has a thread of its own.
        DispatchQueue(label: "sluice-away").async {
            while let (job, executor) = self.take() {
                job.runSynchronously(on: executor.asUnownedTaskExecutor())
            }
        }
    }

    /// In the order of their coming, so that a task that is always ready lets the others run.
    private func take() -> (UnownedJob, HomeExecutor)? {
        state.withLock { state in
            guard state.head < state.jobs.count else {
                state.threadCount -= 1
                return nil
            }
            let next = state.jobs[state.head]
            state.head += 1
            state.takenCount += 1
            if state.head == state.jobs.count || state.head > 1000 {
                state.jobs.removeFirst(state.head)
                state.head = 0
            }
            return next
        }
    }

    /// - Parameter before: how many jobs had been taken by now.
    private func lookLater(_ before: Int) {
        watch.asyncAfter(deadline: .now() + Self.patience) { self.look(before) }
    }

    private func look(_ before: Int) {
        let (isStuck, goesOn, takenCount) = state.withLock { state in
            let isWaiting = state.head < state.jobs.count
            let isStuck = isWaiting && state.takenCount == before && state.threadCount < Self.threadCountMax
            if isStuck { state.threadCount += 1 }
            state.isWatched = isWaiting
            return (isStuck, isWaiting, state.takenCount)
        }
        if isStuck { startThread() }
        if goesOn { lookLater(takenCount) }
    }
}
