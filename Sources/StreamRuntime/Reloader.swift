package import Logging
import ProducerInterface
import StreamLoop
import Synchronization

/// Keeps what is served in step with a directory: loads what is new or changed, retires what is gone or replaced.
///
/// The new stands beside the old until one table of routes is swapped; whatever fails leaves the old serving. One reload at a time;
/// the caller sees to that by having one thread that calls `reload`, `endRetired` and `retireAll`. No code of a plugin runs on it.
package final class Reloader: Sendable {
    let runtime: Runtime
    let source: any ImageSource
    let logger: Logger
    let rules: Mutex<Trial.Rules>
    let clock: @Sendable () -> Int64
    let attention: @Sendable () -> Void
    let state = Mutex(State())
    let live: LiveGenerations

    struct Serving: Sendable {
        let image: LoadedImage
        let generation: Generation
        let entries: [ProducerEntry]
        /// Monotonic nanoseconds.
        let since: Int64

        func moved(to path: String) -> Serving {
            Serving(image: image.moved(to: path), generation: generation, entries: entries, since: since)
        }
    }

    struct State {
        /// What is served, by path.
        var serving: [String: Serving] = [:]
        /// The last number given, by plugin name: numbers are never used again.
        var numbers: [String: Int] = [:]
        var retired: [Retired] = []
        /// Generations that replaced another a moment ago, by plugin name.
        var trials: [String: OnTrial] = [:]
        /// What was refused for what it is, by path.
        var refused: [String: Refused] = [:]
        /// By plugin and producer.
        var past: [String: PastLedger] = [:]

        /// Of what is shut down only the account stays.
        mutating func forgetShutDown() {
            for entry in retired.filter(\.generation.isShutDown).flatMap(\.entries) {
                past["\(entry.description.plugin)/\(entry.description.name)", default: PastLedger(of: entry)].add(entry)
            }
            retired.removeAll(where: \.generation.isShutDown)
        }
    }

    /// A file that is not tried again.
    struct Refused: Sendable {
        let content: String
        /// What its refusal depends on besides; `nil`: nothing.
        let surroundings: String?
        let text: String
    }

    /// The server stops, and so does the reload.
    package struct Abandoned: Error, CustomStringConvertible {
        package let description = "given up: the server stops"
    }

    /// What a reload did.
    package struct Report: Sendable, Equatable {
        package var loaded: [String] = []
        package var replaced: [String] = []
        package var removed: [String] = []
        package var unchanged = 0
        /// New paths of files whose content serves already; their streams go on.
        package var renamed: [String] = []
        /// One line each, with file, rule and remedy.
        package var refusals: [String] = []

        package init() {}
    }

    /// - Parameters:
    ///   - trial: when a generation that replaced another is taken back.
    ///   - clock: monotonic nanoseconds.
    ///   - attention: is called from any thread when `endRetired` should be called soon, whatever it has said before.
    ///   - shuttingDown: runs a plugin's `shutdown` on a thread of its own; `false` if there is none to be had now.
    package init(
        runtime: Runtime, source: any ImageSource, logger: Logger, trial: Trial.Rules = .none,
        clock: @escaping @Sendable () -> Int64 = monotonicNanoseconds, attention: @escaping @Sendable () -> Void = {},
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

    /// Generations that come from now on are taken back by these.
    package func replaceTrialRules(_ rules: Trial.Rules) { self.rules.withLock { $0 = rules } }

    /// The entries that are served, in the order of their files.
    package var entries: [ProducerEntry] {
        state.withLock { state in state.serving.keys.sorted().flatMap { state.serving[$0]!.entries } }
    }

    /// All entries that ever served and are not shut down, for the ledger.
    package var allEntries: [ProducerEntry] {
        entries + state.withLock { state in state.retired.filter { !$0.generation.isShutDown }.flatMap(\.entries) }
    }

    /// What producers did in generations that are shut down, by plugin and producer.
    package var pastLedgers: [PastLedger] {
        let past = state.withLock { state in
            state.forgetShutDown()
            return state.past
        }
        return past.sorted { $0.key < $1.key }.map(\.value)
    }

    func refuse(_ text: String, keeping current: Serving?, _ report: inout Report) {
        report.refusals.append(text)
        if let current {
            logger.error(
                "plugin refused; its old generation keeps serving",
                metadata: [
                    "error": "\(text)", "plugin": "\(current.image.plugin)",
                    "generation": "\(current.generation.number)",
                ])
        } else {
            logger.error("plugin refused", metadata: ["error": "\(text)"])
        }
    }

    func admit(_ image: LoadedImage, replacing previous: Serving?, isForced: Bool) -> Serving {
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
        let serving = Serving(image: image, generation: generation, entries: entries, since: clock())
        if trial != nil, let previous { begin(trialOf: serving, insteadOf: previous, for: rules.duration) }
        return serving
    }

    /// Its routes lead to it by now: whoever reads the line can ask for them.
    func logLoaded(_ serving: Serving) {
        logger.info(
            "plugin loaded",
            metadata: [
                "plugin": "\(serving.image.plugin)", "generation": "\(serving.generation.number)",
                "file": "\(serving.image.path)",
                "routes": "\(serving.entries.map(\.description.route).joined(separator: " "))",
            ])
    }
}
