package import EventStream
package import Logging
import StreamLoop
import Synchronization

/// A plugin as a loader hands it over: one image, checked, its code loaded, nothing of it running yet.
package struct LoadedImage: Sendable {
    package let plugin: String
    package let path: String
    /// Equal for files of equal content.
    package let content: String
    package let producers: [any EventProducer]
    package let shutdown: @Sendable () -> Void
    /// The source's own.
    package let origin: any Sendable

    package init(
        plugin: String, path: String, content: String, producers: [any EventProducer], origin: any Sendable = (),
        shutdown: @escaping @Sendable () -> Void
    ) {
        self.plugin = plugin
        self.path = path
        self.content = content
        self.producers = producers
        self.origin = origin
        self.shutdown = shutdown
    }

    func moved(to path: String) -> LoadedImage {
        LoadedImage(
            plugin: plugin, path: path, content: content, producers: producers, origin: origin, shutdown: shutdown)
    }
}

/// What a reloader needs of those who know files and images.
package protocol ImageSource: Sendable {
    /// The candidates' paths, sorted.
    /// - Throws: an error whose description says what is wrong with the directory.
    func scan() throws -> [String]
    /// What stands in the file, to tell whether it changed.
    /// - Throws: why the file is refused.
    func content(of path: String) throws -> String
    /// These are about to be loaded, one after the other: what can be done for them at the same time is done now.
    func prepare(_ paths: [String])
    /// - Throws: why the file is refused.
    func load(_ path: String) throws -> LoadedImage
    /// Why a candidate cannot serve beside the others: the same name, or a route that another has.
    func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String?
}

extension ImageSource {
    package func prepare(_ paths: [String]) {}
}

/// Keeps what is served in step with a directory: loads what is new or changed, retires what is gone or replaced.
///
/// The new stands beside the old until one table of routes is swapped; whatever fails leaves the old serving. One reload at a time;
/// the caller sees to that by having one thread that reloads.
package final class Reloader: Sendable {
    private let runtime: Runtime
    private let source: any ImageSource
    private let logger: Logger
    private let state = Mutex(State())
    private let changed = Condition()

    fileprivate struct Serving: Sendable {
        let image: LoadedImage
        let generation: Generation
        let entries: [ProducerEntry]
        /// Monotonic nanoseconds.
        var since = monotonicNanoseconds()

        func moved(to path: String) -> Serving {
            Serving(image: image.moved(to: path), generation: generation, entries: entries, since: since)
        }
    }

    /// A generation as it stands: it serves, or its last streams go on.
    package struct Standing: Sendable {
        package let image: LoadedImage
        package let generation: Generation
        package let entries: [ProducerEntry]
        /// Monotonic nanoseconds.
        package let loadedAt: Int64
        /// When it was retired, in monotonic nanoseconds, and why; `nil` for one that serves.
        package let retired: (at: Int64, reason: CloseReason)?
    }

    private struct State {
        /// What is served, by path.
        var serving: [String: Serving] = [:]
        /// The last number given, by plugin name: numbers are never used again.
        var numbers: [String: Int] = [:]
        var retired: [Retired] = []
        /// Generations whose `shutdown` has not returned, by plugin and number.
        var alive: Set<String> = []
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

    /// A generation that gives its last streams some time.
    private struct Retired: Sendable {
        let serving: Serving
        let reason: CloseReason
        /// Monotonic nanoseconds.
        let since: Int64

        var generation: Generation { serving.generation }
        var entries: [ProducerEntry] { serving.entries }
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

    package init(runtime: Runtime, source: any ImageSource, logger: Logger) {
        self.runtime = runtime
        self.source = source
        self.logger = logger
    }

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

    /// What serves, in the order of the files, and then what drains, the oldest first.
    package var standings: [Standing] {
        let (serving, retired) = state.withLock { state in
            (
                state.serving.keys.sorted().map { state.serving[$0]! },
                state.retired.filter { !$0.generation.isShutDown }
            )
        }
        return serving.map { Standing($0, retired: nil) }
            + retired.map { Standing($0.serving, retired: ($0.since, $0.reason)) }
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
        let candidates = changed.filter { path, content in
            guard let former = left.first(where: { $0.value.image.content == content })?.key else { return true }
            serving[path] = left.removeValue(forKey: former)?.moved(to: path)
            report.renamed.append(path)
            logger.info("plugin renamed", metadata: ["file": "\(path)", "formerly": "\(former)"])
            return false
        }.map(\.path)
        source.prepare(candidates)
        var images: [LoadedImage] = []
        for path in candidates {
            do {
                images.append(try source.load(path))
            } catch {
                refuse("\(error)", keeping: left[path], at: path, &serving, &report)
            }
        }
        // All of them together, so that two may swap their routes. Who is refused keeps what it had, which may be in the way of another.
        while let (index, conflict) = firstConflict(of: images, beside: serving) {
            let image = images.remove(at: index)
            image.shutdown()
            refuse(conflict, keeping: left[image.path], at: image.path, &serving, &report)
        }
        for image in images {
            serving[image.path] = admit(image)
            if left[image.path] == nil {
                report.loaded.append(image.plugin)
            } else {
                report.replaced.append(image.plugin)
            }
        }
        let (kept, present) = (serving, Set(paths))
        runtime.replaceRoutes(RouteTable(kept.keys.sorted().flatMap { kept[$0]!.entries }))
        state.withLock { $0.serving = kept }
        for (path, previous) in left.sorted(by: { $0.key < $1.key })
        where kept[path]?.generation !== previous.generation {
            let isRemoved = !present.contains(path)
            if isRemoved { report.removed.append(previous.image.plugin) }
            retire(previous, isRemoved ? .removed : .reloaded)
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

    private func admit(_ image: LoadedImage) -> Serving {
        let (number, name) = state.withLock { state in
            let number = state.numbers[image.plugin, default: 0] + 1
            state.numbers[image.plugin] = number
            let name = "\(image.plugin) (generation \(number))"
            state.alive.insert(name)
            return (number, name)
        }
        let generation = Generation(plugin: image.plugin, number: number) { [self] in
            image.shutdown()
            state.withLock { _ = $0.alive.remove(name) }
            changed.withLock { changed.broadcast() }
        }
        let entries = image.producers.map { ProducerEntry(producer: $0, generation: generation) }
        logger.info(
            "plugin loaded",
            metadata: [
                "plugin": "\(image.plugin)", "generation": "\(number)", "file": "\(image.path)",
                "routes": "\(entries.map(\.description.route).joined(separator: " "))",
            ])
        return Serving(image: image, generation: generation, entries: entries)
    }

    private func retire(_ serving: Serving, _ reason: CloseReason) {
        let generation = serving.generation
        logger.info(
            "plugin retired",
            metadata: [
                "plugin": "\(generation.plugin)", "generation": "\(generation.number)", "reason": "\(reason.name)",
                "open_streams": "\(generation.liveStreams)",
            ])
        state.withLock {
            $0.forgetShutDown()
            $0.retired.append(
                Retired(serving: serving, reason: reason, since: monotonicNanoseconds()))
        }
        generation.retire()
    }

    /// Ends the streams of generations that have had their time to drain.
    /// - Parameter drain: that time, in nanoseconds.
    /// - Returns: when to call again, in monotonic nanoseconds; `nil` when no retired generation has streams left.
    package func endRetired(after drain: Int64) -> Int64? {
        let retired = state.withLock { state in
            state.forgetShutDown()
            return state.retired
        }
        let now = monotonicNanoseconds()
        for each in retired where now >= each.since + drain { runtime.end(each.generation, each.reason) }
        return retired.map { $0.since + drain }.filter { $0 > now }.min()
    }

    /// Retires everything, for the end of the server, and waits for each plugin's `shutdown`.
    /// - Parameter deadline: monotonic nanoseconds.
    /// - Returns: the plugins that did not come to their end.
    package func retireAll(deadline: Int64) -> [String] {
        let serving = state.withLock { state in
            defer { state.serving = [:] }
            return state.serving
        }
        runtime.replaceRoutes(RouteTable())
        for each in serving.values { each.generation.retire() }
        changed.withLock {
            while !state.withLock(\.alive.isEmpty), monotonicNanoseconds() < deadline { changed.wait(until: deadline) }
        }
        return state.withLock { state in
            state.forgetShutDown()
            return state.alive.sorted()
        }
    }
}

extension Reloader.Standing {
    fileprivate init(_ serving: Reloader.Serving, retired: (at: Int64, reason: CloseReason)?) {
        self.init(
            image: serving.image, generation: serving.generation, entries: serving.entries, loadedAt: serving.since,
            retired: retired)
    }
}
