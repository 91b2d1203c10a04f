import Files
package import PluginHost
import Processes
package import ProducerInterface
package import StreamRuntime
import Synchronization

/// The images in a directory of plugins, for the reloader.
///
/// In each round, a file is read only once, so the same bytes are compared, probed and loaded.
package final class DirectoryImages: ImageSource {
    /// Plugins in another directory that are served, too.
    package struct Others: Sendable {
        /// The path of the directory.
        let directory: String
        /// The plugins of the first directory without those that are replaced by the others; by path.
        let withoutReplaced: @Sendable ([String]) -> [String]

        package init(directory: String, withoutReplaced: @escaping @Sendable ([String]) -> [String]) {
            self.directory = directory
            self.withoutReplaced = withoutReplaced
        }
    }

    private let path: String
    private let others: Others?
    private let loader: PluginLoader
    private let patience: LoadSchedule.Patience
    private let round = Mutex(Round())

    private struct Round {
        var files: [String: PluginFile] = [:]
        /// The last loaded content of each path. A file with this content need not be kept for a probe.
        var loaded: [String: ContentID] = [:]
    }

    /// - Parameter coreCount: how many candidates are loaded at a time, not counting those that wait.
    package init(loader: PluginLoader, path: String, coreCount: Int, others: Others? = nil) {
        self.others = others
        self.loader = loader
        self.path = path
        patience = LoadSchedule.Patience(working: coreCount)
    }

    package func scan() throws -> [String] {
        round.withLock { $0.files = [:] }
        let files = try loader.scan(path)
        guard let others else { return files }
        return try (others.withoutReplaced(files) + loader.scan(others.directory)).sorted()
    }

    package func content(of path: String) throws -> String {
        let file = try loader.read(path)
        round.withLock { if $0.loaded[path] != file.contentID { $0.files[path] = file } }
        return "\(file.contentID)"
    }

    package func surroundings(of path: String) -> String {
        (try? file(path)).map(loader.surroundings) ?? ""
    }

    package var isAbandoned: Bool { Termination.isRequested }

    package func load(_ paths: [String], meanwhile: () -> Void, ready: ([Outcome]) -> Void) -> [Outcome] {
        var files: [PluginFile] = []
        var unreadable: [Outcome] = []
        for path in paths {
            do { files.append(try file(path)) } catch { unreadable.append((path, .failure(error))) }
        }
        round.withLock { $0.files = [:] }
        let loads = CandidateLoads(loader: loader, patience: patience) { Termination.isRequested }
        return unreadable + loads.run(files, meanwhile: meanwhile, ready: { ready($0.map(outcome)) }).map(outcome)
    }

    /// The file as read in this round.
    private func file(_ path: String) throws(PluginRefusal) -> PluginFile {
        if let file = round.withLock({ $0.files[path] }) { return file }
        return try loader.read(path)
    }

    private func outcome(_ outcome: CandidateLoads.Outcome) -> Outcome {
        (
            outcome.path,
            outcome.result.mapError { $0 as any Error }.map { plugin in
                round.withLock { $0.loaded[outcome.path] = plugin.contentID }
                return LoadedImage(
                    plugin: plugin.name, path: plugin.file, content: "\(plugin.contentID)",
                    producers: plugin.producers, origin: plugin, admitted: plugin.serves,
                    shutdown: plugin.shutdown)
            }
        )
    }

    package func cause(of refusal: any Error) -> RefusalCause { (refusal as? PluginRefusal)?.cause ?? .moment }

    package func step(of refusal: any Error) -> RefusalStep { (refusal as? PluginRefusal)?.step ?? .load }

    package func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String? {
        let plugins = (others + [candidate]).compactMap { $0.origin as? LoadedPlugin }
        return conflicts(among: plugins).first?.description
    }
}
