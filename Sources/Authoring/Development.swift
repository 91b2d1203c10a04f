package import CommandOutput
import Files
import Glibc
import Locks
import Processes
import StreamLoop
import Synchronization
import SystemCalls

/// What `sluice dev` adds to a server: it compiles the sources of a folder into one of its own, which is served, and
/// does so again when they change.
package final class Development: Sendable {
    /// What became of a plugin's sources, to be told to the author, and to the pages that listen to the plugin.
    package struct Report: Sendable, Equatable {
        /// "hello.c".
        let label: String
        /// The plugin's file, which serves, or would.
        package let file: String
        var isBuilt: Bool
        /// What the compiler said, or why the plugin is refused.
        var text: String
        var milliseconds: Int64

        /// The same, now that the plugin was to be loaded.
        /// - Parameter refusals: a line for each plugin that was not, beginning with its file.
        package func loaded(refusals: [String]) -> Report {
            guard let refusal = refusals.first(where: { $0.hasPrefix(file + ": ") }) else { return self }
            var report = self
            report.isBuilt = false
            // An author knows the sources, not what they were compiled to.
            let others = String(refusal.dropFirst(file.count)).replacing(file.dropLast("\(label).so".count), with: "")
            report.text += label + others.replacing(".c.so", with: ".c").replacing(".swift.so", with: ".swift") + "\n"
            return report
        }
    }

    /// Where the compiled plugins are.
    package let built: String
    /// Where what is loaded stays as it was: a trap is reported with the line of the source.
    package let copies: String
    private let folder: SourceFolder
    private let builder: PluginBuilder
    private let watch: SourceWatch
    private let state = Mutex(State())
    private let isOver = Semaphore()

    /// How long a source is missing before it is gone.
    private static let absenceMilliseconds: Int32 = 100

    private struct State {
        /// What was last compiled, or did not compile, by label.
        var contents: [String: String] = [:]
        /// What the compiler has read for it besides its sources, by label.
        var filesRead: [String: [String]] = [:]
        /// What the plugins are called that stand in the folder as source.
        var names: Set<String> = []
        /// The plugins that stand in the folder compiled.
        var others: [String] = []
        /// Built, and not loaded yet.
        var fresh: [Report] = []
        var isWatching = false
    }

    /// - Parameter scratch: a folder that only this process writes to.
    /// - Parameter insecure: also compiles what others could change.
    /// - Throws: if the folder of sources cannot be watched, or there is nothing to compile against.
    package init(folder path: String, scratch: String, insecure: Bool) throws(CommandFailure) {
        folder = SourceFolder(path: path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path)
        (built, copies) = (scratch, "\(scratch)/loaded")
        try makeFolders(copies)
        builder = PluginBuilder(
            files: try .ofThisExecutable(), choices: BuildChoices(acceptsInsecureFiles: insecure), output: .kept)
        watch = try SourceWatch()
        try watch.add(path)
    }

    package var page: [UInt8]? { folder.page }

    /// Without those that stand in the folder as source, too: these are served from their source.
    package func withoutSources(_ plugins: [String]) -> [String] {
        let sources = state.withLock(\.names)
        return plugins.filter { !sources.contains(PluginSources.stem($0)) }
    }

    /// Compiles what is new or changed, and forgets what is gone.
    /// - Parameters:
    ///   - begun: told the label of what will take some seconds.
    ///   - failed: told at once of what does not compile.
    ///   - changed: told each time that there is something to load or to remove.
    package func build(begun: (String) -> Void, failed: (Report) -> Void, changed: () -> Void = {}) {
        // What has taken their places is watched from now on.
        for watched in [folder.path] + folder.folders { try? watch.add(watched) }
        for link in folder.links { watch.add(linked: link) }
        guard let plugins = plugins() else { return }
        let labels = Set(plugins.map(\.label))
        let libraries = folder.libraries
        let (gone, areOthersChanged) = state.withLock { state in
            let gone = state.contents.keys.filter { !labels.contains($0) }
            for label in gone {
                unlink(file(label))
                state.contents[label] = nil
                state.filesRead[label] = nil
            }
            state.names = Set(plugins.map(\.name))
            defer { state.others = libraries }
            return (gone, state.others != libraries)
        }
        if areOthersChanged || !gone.isEmpty { changed() }
        for plugin in plugins where state.withLock({ $0.contents[plugin.label] }) != content(of: plugin) {
            if builder.isEnded { return }
            let report = build(plugin, begun: begun)
            // What it has read is known only now.
            let content = content(of: plugin)
            state.withLock { $0.contents[plugin.label] = content }
            if report.isBuilt {
                state.withLock { $0.fresh.append(report) }
                changed()
            } else if !builder.isEnded {
                failed(report)
            }
        }
    }

    /// What is there; something that is missing is looked for twice, as there are editors that remove a file to write
    /// it anew, and a file that is renamed at this moment may not be seen.
    private func plugins() -> [SourceFolder.Plugin]? {
        guard let plugins = try? folder.plugins() else { return nil }
        let known = state.withLock { Set($0.contents.keys) }
        guard !known.isSubset(of: plugins.map(\.label)) else { return plugins }
        poll(nil, 0, Self.absenceMilliseconds)
        return try? folder.plugins()
    }

    /// Equal as long as its sources are, and what the compiler has read for them, and who could change that.
    private func content(of plugin: SourceFolder.Plugin) -> String {
        let files = state.withLock { $0.filesRead[plugin.label] } ?? []
        for file in files { watch.add(linked: file) }
        return plugin.content + SourceFolder.stamps(of: files)
    }

    private func build(_ plugin: SourceFolder.Plugin, begun: (String) -> Void) -> Report {
        let start = monotonicNanoseconds()
        var report = Report(label: plugin.label, file: file(plugin.label), isBuilt: false, text: "", milliseconds: 0)
        do {
            let sources = try PluginSources(files: plugin.files, name: plugin.name)
            if sources.language == .swift { begun(plugin.label) }
            let outcome = try builder.build(sources, to: report.file) { files in
                state.withLock { $0.filesRead[plugin.label] = files }
            }
            switch outcome {
            case .built(let warnings): (report.isBuilt, report.text) = (true, warnings)
            case .failed(let errors): report.text = errors
            }
        } catch {
            report.text = "\(error)\n"
        }
        report.milliseconds = (monotonicNanoseconds() - start) / 1_000_000
        return report
    }

    private func file(_ label: String) -> String { "\(built)/\(label).so" }

    /// What was built since the last call, and is there to be loaded.
    package func takeFresh() -> [Report] {
        state.withLock { state in
            defer { state.fresh = [] }
            return state.fresh
        }
    }

    /// Starts to watch the folder, on a thread of its own.
    /// - Parameters:
    ///   - begun, failed: as with `build`.
    ///   - changed: what was built, or a plugin that stands in the folder, is to be loaded.
    package func start(
        begun: @escaping @Sendable (String) -> Void, failed: @escaping @Sendable (Report) -> Void,
        changed: @escaping @Sendable () -> Void
    ) throws(CommandFailure) {
        let isStarted = startThread(named: "sluice-dev", stackBytes: 8 << 20) { [self] in
            // Something may have changed since it was first looked at.
            repeat {
                build(begun: begun, failed: failed, changed: changed)
            } while watch.waitForChange()
            isOver.post()
        }
        guard isStarted else { throw CommandFailure("no thread can be started (ulimit -u?)") }
        state.withLock { $0.isWatching = true }
    }

    /// For a process that ends at once: leaves no compiler, and nothing that was compiled.
    package func discard() {
        builder.end()
        removeTree(built)
    }

    /// Ends the watching, and a compiler that runs.
    package func stop() {
        builder.end()
        watch.stop()
        if state.withLock({ $0.isWatching }) { isOver.wait() }
    }
}
