import EventStream
package import Logging
import StreamLoop
import Synchronization

/// Keeps what is served in step with a directory: loads what is new or changed, retires what is gone or replaced.
///
/// The new stands beside the old until one table of routes is swapped; whatever fails leaves the old serving. One reload at a time;
/// the caller sees to that by having one thread that calls `reload`, `endRetired` and `retireAll`.
package final class Reloader: Sendable {
    let runtime: Runtime
    let source: any ImageSource
    let logger: Logger
    let rules: Mutex<Trial.Rules>
    let clock: @Sendable () -> Int64
    let attention: @Sendable () -> Void
    let state = Mutex(State())
    let live = LiveGenerations()

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

    /// A content that is not tried again.
    struct Refused: Sendable {
        let content: String
        let text: String
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
    package init(
        runtime: Runtime, source: any ImageSource, logger: Logger, trial: Trial.Rules = .none,
        clock: @escaping @Sendable () -> Int64 = monotonicNanoseconds, attention: @escaping @Sendable () -> Void = {}
    ) {
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
    /// Brings what is served in step with the directory. Blocks while images load.
    /// - Throws: what is wrong with the directory; then nothing changes.
    package func reload() throws -> Report {
        let paths = try source.scan()
        let old = state.withLock { $0.serving }
        var report = Report()
        // What goes on unchanged comes first: a newcomer never takes a name or a route from it.
        var serving: [String: Serving] = [:]
        var changed: [(path: String, content: String)] = []
        for path in paths {
            do {
                let content = try source.content(of: path)
                if let current = old[path], current.image.content == content {
                    serving[path] = current
                    report.unchanged += 1
                } else {
                    changed.append((path, content))
                }
            } catch {
                refuse("\(error)", keeping: old[path], at: path, &serving, &report)
            }
        }
        var left = old.filter { serving[$0.key] == nil }
        var candidates = changed.filter { path, content in
            guard let former = left.first(where: { $0.value.image.content == content })?.key else { return true }
            serving[path] = left.removeValue(forKey: former)?.moved(to: path)
            report.renamed.append(path)
            logger.info("plugin renamed", metadata: ["file": "\(path)", "formerly": "\(former)"])
            return false
        }
        state.withLock { $0.refused = $0.refused.filter { path, _ in paths.contains(path) } }
        candidates = candidates.filter { path, content in
            guard let refused = state.withLock({ $0.refused[path] }), refused.content == content else { return true }
            let text = refused.text + " (not tried again until the file changes)"
            refuse(text, keeping: left[path], at: path, &serving, &report)
            return false
        }
        // Then come new versions of what serves.
        candidates.sort { (left[$0.path] == nil) != (left[$1.path] == nil) ? left[$0.path] != nil : $0.path < $1.path }
        source.prepare(candidates.map(\.path))
        var images: [LoadedImage] = []
        for (path, content) in candidates {
            do {
                images.append(try source.load(path))
            } catch {
                if source.isLasting(error) {
                    state.withLock { $0.refused[path] = Refused(content: content, text: "\(error)") }
                }
                refuse("\(error)", keeping: left[path], at: path, &serving, &report)
            }
        }
        // All of them together, so that two may swap their routes. Who is refused keeps what it had, which may be in the way of another.
        while let (index, conflict) = firstConflict(of: images, beside: serving) {
            let image = images.remove(at: index)
            image.shutdown()
            refuse(conflict, keeping: left[image.path], at: image.path, &serving, &report)
        }
        for image in images.sorted(by: { $0.path < $1.path }) {
            serving[image.path] = admit(image, replacing: left.values.first { $0.image.plugin == image.plugin })
            if left[image.path] == nil {
                report.loaded.append(image.plugin)
            } else {
                report.replaced.append(image.plugin)
            }
        }
        switchOver(to: serving)
        let (kept, present) = (serving, Set(paths))
        for (path, previous) in left.sorted(by: { $0.key < $1.key })
        where kept[path]?.generation !== previous.generation {
            if !present.contains(path) { report.removed.append(previous.image.plugin) }
            // A new version may have come under another name.
            let isReplaced = kept.values.contains { $0.image.plugin == previous.image.plugin }
            retire(previous, isReplaced || present.contains(path) ? .reloaded : .removed)
        }
        return report
    }

    /// The first candidate that does not get along with what serves, or with one before it.
    private func firstConflict(of images: [LoadedImage], beside serving: [String: Serving]) -> (Int, String)? {
        let others = serving.values.map(\.image)
        for (index, image) in images.enumerated() {
            let peers = (others + images[..<index]).sorted { $0.path < $1.path }
            if let conflict = source.conflict(of: image, with: peers) { return (index, conflict) }
        }
        return nil
    }

    private func refuse(
        _ text: String, keeping current: Serving?, at path: String, _ serving: inout [String: Serving],
        _ report: inout Report
    ) {
        report.refusals.append(text)
        if let current {
            serving[path] = current
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

    private func admit(_ image: LoadedImage, replacing previous: Serving?) -> Serving {
        let number = state.withLock { state in
            state.numbers[image.plugin, default: 0] += 1
            return state.numbers[image.plugin]!
        }
        let name = "\(image.plugin) (generation \(number))"
        live.begin(name)
        let rules = rules.withLock(\.self)
        let trial = rules.isOn && previous != nil ? Trial(failuresMax: rules.failuresMax, whenSettled: attention) : nil
        let generation = Generation(plugin: image.plugin, number: number, trial: trial) { [live] in
            image.shutdown()
            live.end(name)
        }
        let entries = image.producers.map { ProducerEntry(producer: $0, generation: generation) }
        logger.info(
            "plugin loaded",
            metadata: [
                "plugin": "\(image.plugin)", "generation": "\(number)", "file": "\(image.path)",
                "routes": "\(entries.map(\.description.route).joined(separator: " "))",
            ])
        let serving = Serving(image: image, generation: generation, entries: entries, since: clock())
        if trial != nil, let previous { begin(trialOf: serving, insteadOf: previous, for: rules.duration) }
        return serving
    }
}
