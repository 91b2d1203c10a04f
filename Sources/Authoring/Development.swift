package import CommandOutput
import Files
import Glibc
import Locks
import Processes
import StreamLoop
import Synchronization
import SystemCalls

/// The part that `sluice dev` adds to a server: it compiles the sources in a folder into another folder, which is
/// served, and compiles them again when they change.
package final class Development: Sendable {
    /// The result of building a plugin, for the author and for the pages that are subscribed to it.
    package struct Report: Sendable, Equatable {
        /// "hello.c".
        let label: String
        /// The plugin's file, which is served if it was built.
        package let file: String
        var isBuilt: Bool
        /// The compiler's output, or why the plugin is refused.
        var text: String
        var milliseconds: Int64

        /// The report after an attempt to load the plugin.
        /// - Parameter refusals: one line for each plugin that was refused, beginning with its file.
        package func loaded(refusals: [String]) -> Report {
            guard let refusal = refusals.first(where: { $0.hasPrefix(file + ": ") }) else { return self }
            var report = self
            report.isBuilt = false
            // Authors know their sources, not the compiled files.
            let others = String(refusal.dropFirst(file.count)).replacing(file.dropLast("\(label).so".count), with: "")
            report.text += label + others.replacing(".c.so", with: ".c").replacing(".swift.so", with: ".swift") + "\n"
            return report
        }
    }

    /// The folder of the compiled plugins.
    package let built: String
    /// The folder with a copy of each loaded plugin, which does not change, so that a trap is reported with the source
    /// line.
    package let copies: String
    private let folder: SourceFolder
    private let builder: PluginBuilder
    private let watch: SourceWatch
    private let state = Mutex(State())
    private let isOver = Semaphore()

    /// How long a source must be missing before it counts as removed.
    private static let absenceMilliseconds: Int32 = 100

    private struct State {
        /// The content that was last built, successfully or not, by label.
        var contents: [String: String] = [:]
        /// The files that the compiler has read in addition to the sources, by label.
        var filesRead: [String: [String]] = [:]
        /// The names of the plugins whose source is in the folder.
        var names: Set<String> = []
        /// The compiled plugins in the folder.
        var others: [String] = []
        /// Built plugins that have not been loaded yet.
        var fresh: [Report] = []
        var isWatching = false
    }

    /// - Parameter scratch: a folder that only this process writes to.
    /// - Parameter insecure: whether to compile files that others can change.
    /// - Throws: if the folder can't be watched, or if the files to compile against are missing.
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

    /// The plugins without those whose source is also in the folder: these are served from their source.
    package func withoutSources(_ plugins: [String]) -> [String] {
        let sources = state.withLock(\.names)
        return plugins.filter { !sources.contains(PluginSources.stem($0)) }
    }

    /// Compiles new and changed sources, and removes the plugins whose sources are gone.
    /// - Parameters:
    ///   - begun: called with the label of a plugin whose build takes some seconds.
    ///   - failed: called immediately if a plugin does not compile.
    ///   - changed: called whenever there is something to load or to remove.
    package func build(begun: (String) -> Void, failed: (Report) -> Void, changed: () -> Void = {}) {
        // Folders and links that replaced others are watched from now on.
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
            // Only now is it known which files the compiler has read.
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

    /// The plugins in the folder. If one is missing, it looks again a moment later: some editors remove a file and
    /// write it anew, and a file that is being renamed may not be seen.
    private func plugins() -> [SourceFolder.Plugin]? {
        guard let plugins = try? folder.plugins() else { return nil }
        let known = state.withLock { Set($0.contents.keys) }
        guard !known.isSubset(of: plugins.map(\.label)) else { return plugins }
        poll(nil, 0, Self.absenceMilliseconds)
        return try? folder.plugins()
    }

    /// A text that changes with the plugin's sources, with the files that the compiler read for it, and with the users
    /// who can change those.
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

    /// The plugins that were built since the last call and can be loaded.
    package func takeFresh() -> [Report] {
        state.withLock { state in
            defer { state.fresh = [] }
            return state.fresh
        }
    }

    /// Starts watching the folder, on its own thread.
    /// - Parameters:
    ///   - begun, failed: as for `build`.
    ///   - changed: called when there is something to load or to remove.
    package func start(
        begun: @escaping @Sendable (String) -> Void, failed: @escaping @Sendable (Report) -> Void,
        changed: @escaping @Sendable () -> Void
    ) throws(CommandFailure) {
        let isStarted = startThread(named: "sluice-dev", stackBytes: 8 << 20) { [self] in
            // Something may have changed since the first build.
            repeat {
                build(begun: begun, failed: failed, changed: changed)
            } while watch.waitForChange()
            isOver.post()
        }
        guard isStarted else { throw CommandFailure("no thread can be started (ulimit -u?)") }
        state.withLock { $0.isWatching = true }
    }

    /// For a process that exits immediately: ends a running compiler, and removes what was compiled.
    package func discard() {
        builder.end()
        removeTree(built)
    }

    /// Stops watching, and ends a running compiler.
    package func stop() {
        builder.end()
        watch.stop()
        if state.withLock({ $0.isWatching }) { isOver.wait() }
    }
}
