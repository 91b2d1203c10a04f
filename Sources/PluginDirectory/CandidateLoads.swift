import EventStream
import Locks
import PluginHost
import ProducerInterface
import StreamLoop
import Synchronization
package import SystemCalls

/// Probes and loads candidates side by side, each on a thread of its own. One that hangs delays only itself, and costs
/// a thread if it hangs in this process.
struct CandidateLoads {
    typealias Outcome = (path: String, result: Result<LoadedPlugin, PluginRefusal>)

    let loader: PluginLoader
    let patience: LoadSchedule.Patience
    let isAbandoned: @Sendable () -> Bool

    /// How often one looks who works, and whether anybody still waits; who finishes is noticed at once.
    private static let looking: Nanoseconds = 20_000_000

    /// Returns when all are decided, or given up.
    /// - Parameters:
    ///   - files: in the order in which they go before each other.
    ///   - meanwhile: is called now and then, on the calling thread.
    ///   - ready: is called on the calling thread with what has been decided while others hang.
    /// - Returns: all that was decided and not given to `ready`.
    func run(_ files: [PluginFile], meanwhile: () -> Void, ready: ([Outcome]) -> Void) -> [Outcome] {
        let someoneFinished = Semaphore()
        let loads = files.map { CandidateLoad($0, loader, whenFinished: someoneFinished.post) }
        var schedule = LoadSchedule(count: loads.count, patience)
        var running: Set<Int> = []
        var decided: [Int: Outcome] = [:]
        let limit = loader.loadDeadline
        while !schedule.isOver {
            guard !isAbandoned() else { break }
            let now = monotonicNanoseconds()
            func decide(_ index: Int, _ result: Result<LoadedPlugin, PluginRefusal>) {
                running.remove(index)
                schedule.decide(index, now: now)
                decided[index] = (loads[index].file.path, result)
            }
            for index in running {
                if let result = loads[index].take(givingUpAfter: limit) {
                    decide(index, result)
                } else {
                    schedule.note(index, used: loads[index].processorTime, now: now)
                }
            }
            while let index = schedule.begin(now: now) {
                running.insert(index)
                if let refusal = loads[index].begin() { decide(index, .failure(refusal)) }
            }
            let taken = schedule.takeReady(now: now).sorted()
            if !taken.isEmpty { ready(taken.map { decided.removeValue(forKey: $0)! }) }
            meanwhile()
            if !running.isEmpty { _ = someoneFinished.wait(nanoseconds: Self.looking) }
        }
        for index in running { loads[index].abandon() }
        return decided.sorted { $0.key < $1.key }.map(\.value)
    }
}

/// One candidate, while it is probed and loaded.
private final class CandidateLoad: Sendable {
    private enum Phase {
        case probing
        case loading(since: MonotonicNanoseconds, PluginLoader.LoadStage)
        case finished(Result<LoadedPlugin, PluginRefusal>)
        /// Nobody wants the result.
        case over
    }

    let file: PluginFile
    private let loader: PluginLoader
    private let whenFinished: @Sendable () -> Void
    private let phase = Mutex(Phase.probing)
    /// Of what runs: the process of its probe, or its thread here.
    private let clock = Mutex<ProcessorClock?>(nil)

    init(_ file: PluginFile, _ loader: PluginLoader, whenFinished: @escaping @Sendable () -> Void) {
        self.file = file
        self.loader = loader
        self.whenFinished = whenFinished
    }

    /// What the file's code has used of a processor; `nil` if that is not known, or none of it runs.
    var processorTime: Nanoseconds? { clock.withLock { $0?.used } }

    /// - Returns: why it does not.
    func begin() -> PluginRefusal? {
        // As much stack as a main thread usually has: constructors and entries are used to it.
        if startThread(named: "sluice-load", stackBytes: 8 << 20, { [self] in run() }) { return nil }
        return PluginRefusal(
            file: file.path, rule: "it can't be loaded: no thread can be started",
            remedy: "raise the limit of threads (ulimit -u), and reload", cause: .moment)
    }

    private func run() {
        let result = Result { () throws(PluginRefusal) in
            // Before the probe asks whether it was given up: once the server stops, none begins that nobody waits for.
            let place = RunningLoads.begin(file.path)
            defer { RunningLoads.end(place) }
            let probed = try loader.probe(file) { process in clock.withLock { $0 = process } }
            clock.withLock { $0 = .ofThisThread }
            return try loader.load(probed) { stage in
                phase.withLock { phase in
                    if case .over = phase { return }
                    phase = .loading(since: monotonicNanoseconds(), stage)
                }
            }
        }
        // It ends with the thread.
        clock.withLock { $0 = nil }
        let isWanted = phase.withLock { phase in
            if case .over = phase { return false }
            phase = .finished(result)
            return true
        }
        // It came to its end after all.
        if !isWanted { try? result.get().shutdown() }
        whenFinished()
    }

    /// - Parameter limit: how long its code may run in this process; a probe knows its own end.
    /// - Returns: the result, once.
    func take(givingUpAfter limit: Nanoseconds) -> Result<LoadedPlugin, PluginRefusal>? {
        let late = phase.withLock { phase -> (Result<LoadedPlugin, PluginRefusal>?, PluginLoader.LoadStage?) in
            switch phase {
            case .finished(let result):
                phase = .over
                return (result, nil)
            case .loading(let since, let stage) where monotonicNanoseconds() - since > limit:
                phase = .over
                return (nil, stage)
            case .probing, .loading, .over: return (nil, nil)
            }
        }
        return late.0 ?? late.1.map { .failure(refusal(in: $0, after: limit)) }
    }

    private func refusal(in stage: PluginLoader.LoadStage, after limit: Nanoseconds) -> PluginRefusal {
        let time = "\(limit / 1_000_000) ms"
        switch stage {
        case .entry:
            return PluginRefusal(
                file: file.path, rule: "its entry did not return within \(time), although it did in its probe",
                remedy: "do only what declaring producers needs; its thread is abandoned", cause: .surroundings
            )
        case .constructors:
            let holder = DynamicLoader.giveUp()
            if let holder, holder != file.path {
                return DynamicLoader.refusal(of: file.path, heldUpBy: holder)
            }
            return PluginRefusal(
                file: file.path, rule: "its constructors did not return within \(time), although they did in its probe",
                remedy: "remove it, and restart the server: nothing else can be loaded until they do",
                cause: .surroundings)
        }
    }

    /// Whatever comes of it, nobody waits for it.
    func abandon() {
        let result = phase.withLock { phase -> Result<LoadedPlugin, PluginRefusal>? in
            defer { phase = .over }
            guard case .finished(let result) = phase else { return nil }
            return result
        }
        if let plugin = try? result?.get() {
            _ = startThread(named: "sluice-shutdown", stackBytes: 8 << 20) { plugin.shutdown() }
        }
    }
}

/// Plugins that are probed, or whose constructors or entry run in this process, whether somebody waits for them or not.
package enum RunningLoads {
    private static let state = Mutex<(last: Int, files: [Int: String])>((0, [:]))
    private static let oneEnded = Semaphore()

    fileprivate static func begin(_ file: String) -> Int {
        state.withLock { state in
            state.last += 1
            state.files[state.last] = file
            return state.last
        }
    }

    fileprivate static func end(_ place: Int) {
        state.withLock { $0.files[place] = nil }
        oneEnded.post()
    }

    package static var files: [String] { state.withLock { $0.files.values.sorted() } }

    /// Waits until there are none, or until the time.
    /// - Returns: those that there still are.
    package static func waitForEnd(until deadline: MonotonicNanoseconds) -> [String] {
        // Those that ended before make it look again, and no more.
        while !files.isEmpty, case let rest = deadline - monotonicNanoseconds(), rest > 0 {
            _ = oneEnded.wait(nanoseconds: rest)
        }
        return files
    }
}
