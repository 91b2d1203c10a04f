import CSluice
import Synchronization

/// Runs the task of one stream where the stream lives: on its home loop, between the calls of its `next`.
///
/// A job is handed to the server's `schedule`, or, while the server is in a call of this very stream, runs before that call returns:
/// an event that is there costs no turn of the loop. Jobs that come once the stream is over (of tasks that its own one left behind)
/// go to the pool that all tasks without a home share.
final class HomeExecutor: TaskExecutor, @unchecked Sendable {
    // Unchecked: what any thread may touch is behind the lock; `whenIdle` is used where the stream lives only.
    private let stream: OpaquePointer
    private let state = Mutex(State())
    /// Those who sleep on this stream's loop.
    let timers: HomeTimers
    /// Runs each time that there is nothing more to run.
    var whenIdle: (() -> Void)?

    /// That of the stream whose task runs; tasks that it starts inherit it.
    @TaskLocal static var current: HomeExecutor?

    private struct State {
        var jobs: [UnownedJob] = []
        /// A run is scheduled, or one is going on that will see the jobs.
        var isRunning = false
        var isOver = false
    }

    init(_ stream: OpaquePointer) {
        self.stream = stream
        timers = HomeTimers(stream)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let (isElsewhere, isFirst) = state.withLock { state in
            if state.isOver { return (true, false) }
            state.jobs.append(job)
            defer { state.isRunning = true }
            return (false, !state.isRunning)
        }
        if isElsewhere {
            globalConcurrentExecutor.enqueue(ExecutorJob(job))
        } else if isFirst, !scheduleRun() {
            leave()
        }
    }

    /// The server never runs it once the stream is over, and what it runs it on lives until then.
    private func scheduleRun() -> Bool {
        Host.table.pointee.schedule(
            stream, 0, { Unmanaged<HomeExecutor>.fromOpaque($0!).takeUnretainedValue().run() },
            Unmanaged.passUnretained(self).toOpaque())
    }

    /// Runs the body, and what it makes ready to run. Only from a call of the server's on this stream.
    func runHere(_ body: () -> Void) {
        // Where a run is scheduled already, it will come and find nothing.
        state.withLock { $0.isRunning = true }
        body()
        run()
    }

    /// Runs what is there, as long as there is something, but not for ever: a task that is always ready must let others run.
    private func run() {
        for _ in 0..<Self.roundsMax {
            let jobs = state.withLock { state in
                defer { state.jobs = [] }
                if state.jobs.isEmpty { state.isRunning = false }
                return state.jobs
            }
            guard !jobs.isEmpty else {
                whenIdle?()
                return
            }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
        if !scheduleRun() { leave() }
    }

    private static let roundsMax = 64

    /// The stream is over: no job of it may wait for the server any more.
    func leave() {
        let jobs = state.withLock { state in
            state.isOver = true
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { globalConcurrentExecutor.enqueue(ExecutorJob(job)) }
    }
}
