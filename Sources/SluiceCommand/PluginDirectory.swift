import PluginHost
import ProducerInterface
import StreamRuntime
import Synchronization

/// The directory of plugins, as the reloader sees it.
///
/// In each round of looking at it a file is read once: what is compared is what is probed, and what was probed is what is loaded.
final class PluginDirectory: ImageSource {
    let path: String
    /// What else is served, when somebody develops plugins there.
    private let development: Development?
    private let loader: PluginLoader
    private let round = Mutex(Round())

    private struct Round {
        var files: [String: PluginFile] = [:]
        /// What was last loaded, by path: content that need not be kept for a probe.
        var loaded: [String: ContentID] = [:]
    }

    init(loader: PluginLoader, path: String, development: Development? = nil) {
        self.development = development
        self.loader = loader
        self.path = path
    }

    func scan() throws -> [String] {
        round.withLock { $0.files = [:] }
        let files = try loader.scan(path)
        guard let development else { return files }
        return try (development.withoutSources(files) + loader.scan(development.built)).sorted()
    }

    func content(of path: String) throws -> String {
        let file = try loader.read(path)
        round.withLock { if $0.loaded[path] != file.contentID { $0.files[path] = file } }
        return "\(file.contentID)"
    }

    func surroundings(of path: String) -> String {
        (try? file(path)).map(loader.surroundings) ?? ""
    }

    var isAbandoned: Bool { ControlEvents.isTerminating }

    func load(_ paths: [String], meanwhile: () -> Void, ready: ([Outcome]) -> Void) -> [Outcome] {
        var files: [PluginFile] = []
        var unreadable: [Outcome] = []
        for path in paths {
            do { files.append(try file(path)) } catch { unreadable.append((path, .failure(error))) }
        }
        round.withLock { $0.files = [:] }
        let loads = CandidateLoads(loader: loader, isAbandoned: { ControlEvents.isTerminating })
        return unreadable + loads.run(files, meanwhile: meanwhile, ready: { ready($0.map(outcome)) }).map(outcome)
    }

    /// As it was read in this round.
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

    func cause(of refusal: any Error) -> RefusalCause { (refusal as? PluginRefusal)?.cause ?? .moment }

    func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String? {
        let plugins = (others + [candidate]).compactMap { $0.origin as? LoadedPlugin }
        return conflicts(among: plugins).first?.description
    }
}
