package import Logging
import ProducerInterface
import StreamLoop
import Synchronization
package import SystemCalls

/// Keeps what is served in step with a directory: loads what is new or changed, retires what is gone or replaced.
///
/// The new generation exists beside the old one until one table of routes is replaced; if anything fails, the old one
/// keeps serving. There is one reload at a time: the caller must use one thread for `reload`, `endRetired` and
/// `retireAll`. No code of a plugin runs on it.
package final class Reloader: Sendable {
    let runtime: Runtime
    let source: any ImageSource
    let logger: Logger
    let rules: Mutex<Trial.Rules>
    let clock: @Sendable () -> MonotonicNanoseconds
    let attention: @Sendable () -> Void
    let state = Mutex(ServedGenerations())
    let live: LiveGenerations

    /// The server is stopping, so the reload is abandoned.
    package struct Abandoned: Error, CustomStringConvertible {
        package let description = "abandoned: the server is stopping"
    }

    /// What a reload did.
    package struct Report: Sendable, Equatable {
        package var loaded: [String] = []
        package var replaced: [String] = []
        package var removed: [String] = []
        package var unchanged = 0
        /// New paths of files whose content is already serving; their streams continue.
        package var renamed: [String] = []
        /// One line each, with file, rule and remedy.
        package var refusals: [String] = []
        /// The refusals of files of which no older version serves, by path.
        package var unserved: [String: String] = [:]

        package init() {}
    }

    /// - Parameters:
    ///   - trial: when a generation that replaced another is rolled back.
    ///   - attention: called from any thread when `endRetired` should be called soon, whatever it returned before.
    ///   - shuttingDown: runs a plugin's `shutdown` on a thread of its own; `false` if none can be started now.
    package init(
        runtime: Runtime, source: any ImageSource, logger: Logger, trial: Trial.Rules = .none,
        clock: @escaping @Sendable () -> MonotonicNanoseconds = monotonicNanoseconds,
        attention: @escaping @Sendable () -> Void = {},
        shuttingDown: @escaping @Sendable (@escaping @Sendable () -> Void) -> Bool = {
            startThread(named: "sluice-shutdown", stackBytes: 8 << 20, $0)
        }
    ) {
        live = LiveGenerations(start: shuttingDown, clock: clock)
        self.runtime = runtime
        self.source = source
        self.logger = logger
        rules = Mutex(trial)
        self.clock = clock
        self.attention = attention
    }

    /// Generations that are loaded from now on are rolled back by these rules.
    package func replaceTrialRules(_ rules: Trial.Rules) { self.rules.withLock { $0 = rules } }

    /// The entries that are served, in the order of their files.
    package var entries: [ProducerEntry] {
        state.withLock { state in state.serving.keys.sorted().flatMap { state.serving[$0]!.entries } }
    }

    /// The images that are served, in the order of their files.
    package var servedImages: [LoadedImage] {
        state.withLock { state in state.serving.sorted { $0.key < $1.key }.map(\.value.image) }
    }

    /// Brings what is served in step with the directory. Blocks while images load.
    ///
    /// Candidates that are ready together are decided together, so two of them can swap their routes. One that hangs
    /// delays only those that need what another file still has.
    /// - Parameters:
    ///   - isForced: what was refused or rolled back before is tried again, and new generations are not on trial.
    ///   - meanwhile: called now and then, and may call `endRetired`.
    /// - Throws: what is wrong with the directory, or that the server is stopping; then nothing (more) changes.
    package func reload(isForced: Bool = false, meanwhile: () -> Void = {}) throws -> Report {
        var round = try ReloadRound(self, isForced: isForced)
        try round.run(meanwhile: meanwhile)
        return round.report
    }

    func refuse(
        _ path: String, _ text: String, at step: RefusalStep, keeping current: ServingGeneration?,
        _ report: inout Report
    ) {
        state.withLock { $0.refusals[step.rawValue, default: 0] += 1 }
        report.refusals.append(text)
        if current == nil { report.unserved[path] = text }
        if let current {
            logger.error(
                "plugin refused; its old generation keeps serving",
                metadata: [
                    "error": "\(text)", "plugin": "\(current.image.plugin)",
                    "generation": .stringConvertible(current.generation.number),
                ])
        } else {
            logger.error("plugin refused", metadata: ["error": "\(text)"])
        }
    }

    /// Makes a generation of the image, which serves from the next `switchOver` on.
    func admit(_ image: LoadedImage, replacing previous: ServingGeneration?, isForced: Bool) -> ServingGeneration {
        let number = state.withLock { state in
            state.numbers[image.plugin, default: 0] += 1
            return state.numbers[image.plugin]!
        }
        image.admitted(number)
        let place = live.begin("\(image.plugin) (generation \(number))")
        let rules = rules.withLock(\.self)
        let hasTrial = rules.isOn && previous != nil && !isForced
        let trial = hasTrial ? Trial(failuresMax: rules.failuresMax, whenSettled: attention) : nil
        let generation = Generation(plugin: image.plugin, number: number, trial: trial) { [live] in
            live.shutDown(place, image.shutdown)
        }
        let entries = image.producers.map { ProducerEntry(producer: $0, generation: generation) }
        let serving = ServingGeneration(image: image, generation: generation, entries: entries, since: clock())
        if trial != nil, let previous {
            GenerationTrials(reloader: self).begin(serving, insteadOf: previous, for: rules.duration)
        }
        return serving
    }

    /// Logged once its routes work: a reader of the line can request them.
    func logLoaded(_ serving: ServingGeneration) {
        logger.info(
            "plugin loaded",
            metadata: [
                "plugin": "\(serving.image.plugin)", "generation": .stringConvertible(serving.generation.number),
                "file": "\(serving.image.path)",
                "routes": "\(serving.entries.map(\.description.route).joined(separator: " "))",
            ])
    }

    /// Lets newcomers go to these from now on, and also the streams of older generations that can.
    /// - Parameter retiring: generations that no longer serve; `Retirement.begin` must follow for each.
    func switchOver(
        to serving: [String: ServingGeneration], retiring: [(ServingGeneration, CloseReason)] = []
    ) {
        let now = clock()
        let kept = Set(serving.values.map { ObjectIdentifier($0.generation) })
        // In one step, so that whoever looks meanwhile sees each generation once.
        let old = state.withLock { state in
            let old = state.serving.values.map(\.entries) + state.retired.map(\.entries)
            state.serving = serving
            state.retired.removeAll { kept.contains(ObjectIdentifier($0.generation)) }
            state.retired += retiring.map { RetiredGeneration(serving: $0, reason: $1, since: now) }
            return old
        }
        // Before the routes are replaced, so that no request comes between the two.
        link(old, to: serving)
        let left = old.filter { $0.first.map { !kept.contains(ObjectIdentifier($0.generation)) } ?? false }
        runtime.replaceRoutes(
            RouteTable(serving.keys.sorted().flatMap { serving[$0]!.entries }, leaving: left.flatMap(\.self)))
        for entries in left {
            guard let generation = entries.first?.generation else { continue }
            if entries.contains(where: { $0.successor != nil }) { runtime.migrate(generation) }
        }
    }

    /// Sets for each entry where its streams can continue: in what serves under its plugin's name.
    private func link(_ old: [[ProducerEntry]], to serving: [String: ServingGeneration]) {
        let current = Dictionary(serving.values.map { ($0.image.plugin, $0.entries) }) { first, _ in first }
        // An entry that serves again after it was replaced has no successor.
        for entry in serving.values.flatMap(\.entries) { entry.setSuccessor(nil) }
        for entry in old.joined() {
            let candidates = current[entry.generation.plugin] ?? []
            let isServing = candidates.contains { $0 === entry }
            entry.setSuccessor(isServing ? nil : candidates.first { entry.canContinue(in: $0) })
        }
    }

    // MARK: The end

    /// Ends the streams of generations whose drain deadline has passed, and the trials whose time is over; logs the
    /// plugins whose `shutdown` does not return.
    /// - Parameter drain: how long a generation may drain.
    /// - Returns: when to call again; `nil` if there is no retired generation with streams left, none on trial, and no
    ///   running `shutdown`.
    package func endRetired(after drain: Nanoseconds) -> MonotonicNanoseconds? {
        Retirement(reloader: self).end(after: drain)
    }

    /// The generations whose `shutdown` has not returned, including those that serve. Any thread.
    package var unfinished: [String] { live.names }

    /// Retires everything when the server ends, and waits for each plugin's `shutdown`.
    /// - Returns: the names of the generations whose `shutdown` has not returned.
    package func retireAll(deadline: MonotonicNanoseconds) -> [String] {
        GenerationTrials(reloader: self).endAll()
        let now = clock()
        let serving = state.withLock { state in
            let serving = state.serving
            state.serving = [:]
            // For the ledger, which is also written while a `shutdown` does not return.
            state.retired += serving.sorted { $0.key < $1.key }.map {
                RetiredGeneration(serving: $0.value, reason: .shutdown, since: now)
            }
            return serving
        }
        runtime.endRoutes()
        for each in serving.values { each.generation.retire() }
        let left = live.waitForEnd(until: deadline)
        state.withLock { $0.forgetShutDown() }
        return left
    }
}
