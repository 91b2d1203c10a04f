import EventStream
import PluginHost
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
    /// Probes at a time.
    private let probeCountMax: Int
    private let round = Mutex(Round())

    private struct Round {
        var files: [String: PluginFile] = [:]
        var probed: [String: Result<ProbedPlugin, PluginRefusal>] = [:]
        /// What was last loaded, by path: content that need not be kept for a probe.
        var loaded: [String: ContentID] = [:]
    }

    init(loader: PluginLoader, path: String, probeCountMax: Int, development: Development? = nil) {
        self.development = development
        self.loader = loader
        self.path = path
        self.probeCountMax = probeCountMax
    }

    func scan() throws -> [String] {
        round.withLock { round in
            round.files = [:]
            round.probed = [:]
        }
        let files = try loader.scan(path)
        guard let development else { return files }
        return try (development.withoutSources(files) + loader.scan(development.built)).sorted()
    }

    func content(of path: String) throws -> String {
        let file = try loader.read(path)
        round.withLock { if $0.loaded[path] != file.contentID { $0.files[path] = file } }
        return "\(file.contentID)"
    }

    func prepare(_ paths: [String]) {
        let files = round.withLock { round in
            defer { round.files = [:] }
            return paths.compactMap { round.files[$0] }
        }
        concurrently(files, threads: probeCountMax) { [self] file in
            let result = Result { () throws(PluginRefusal) in try loader.probe(file) }
            round.withLock { $0.probed[file.path] = result }
        }
    }

    func load(_ path: String) throws -> LoadedImage {
        let result = round.withLock { $0.probed.removeValue(forKey: path) }
        let plugin = try loader.load(result?.get() ?? loader.probe(loader.read(path)))
        round.withLock { $0.loaded[path] = plugin.contentID }
        return LoadedImage(
            plugin: plugin.name, path: plugin.file, content: "\(plugin.contentID)", producers: plugin.producers,
            origin: plugin,
            shutdown: plugin.shutdown)
    }

    func isLasting(_ refusal: any Error) -> Bool { (refusal as? PluginRefusal)?.isLasting ?? false }

    func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String? {
        let plugins = (others + [candidate]).compactMap { $0.origin as? LoadedPlugin }
        return conflicts(among: plugins).first?.description
    }
}
