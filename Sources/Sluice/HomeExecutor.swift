import CSluice
import Synchronization

/// Runs the task of one stream where the stream lives: on its home loop, between the calls of its `next`.
///
/// A job is handed to the server's `schedule`, or, while the server is in a call of this very stream, runs before that
/// call returns: an event that is there costs no turn of the loop. Jobs that come once the task has left (as it is
/// cancelled, and may not heed that; or as the stream is over, and it left others behind) run on `AwayThreads`:
/// whatever they do, no stream waits for them, nor any other task.
final class HomeExecutor: TaskExecutor, @unchecked Sendable {
    // Unchecked: what any thread may touch is behind the lock; `whenIdle` is used where the stream lives only.
    private let stream: OpaquePointer
    private let state = Mutex(State())
    private let running = Atomic(false)
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
        var hasLeft = false
    }

    init(_ stream: OpaquePointer) {
        self.stream = stream
        timers = HomeTimers(stream)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let (hasLeft, isFirst) = state.withLock { state in
            if state.hasLeft { return (true, false) }
            state.jobs.append(job)
            defer { state.isRunning = true }
            return (false, !state.isRunning)
        }
        if hasLeft {
            AwayThreads.shared.run(job, on: self)
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

    /// Runs what is there, as long as there is something, but not for ever: a task that is always ready must let others
    /// run.
    private func run() {
        running.store(true, ordering: .relaxed)
        defer { running.store(false, ordering: .relaxed) }
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

    /// From now on no job runs where the stream lives, or waits for the server. Only from there, or when the stream is
    /// over.
    func leave() {
        let jobs = state.withLock { state in
            state.hasLeft = true
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { AwayThreads.shared.run(job, on: self) }
    }

    /// A job runs where the stream lives. Any thread.
    var isBusy: Bool { running.load(ordering: .relaxed) }

    /// It has not left.
    var isHome: Bool { state.withLock { !$0.hasLeft } }
}
