import EventStream
import PluginHost
import StreamRuntime

/// The directory of plugins, as the reloader sees it.
struct PluginDirectory: ImageSource {
    let loader: PluginLoader
    let path: String

    func scan() throws -> [String] { try loader.scan(path) }

    func content(of path: String) throws -> String { "\(try loader.contentID(of: path))" }

    func load(_ path: String) throws -> LoadedImage {
        let plugin = try loader.load(path)
        return LoadedImage(
            plugin: plugin.name, path: plugin.file, content: "\(plugin.contentID)", producers: plugin.producers,
            origin: plugin,
            shutdown: plugin.shutdown)
    }

    func conflict(of candidate: LoadedImage, with others: [LoadedImage]) -> String? {
        let plugins = (others + [candidate]).compactMap { $0.origin as? LoadedPlugin }
        return conflicts(among: plugins).first?.description
    }
}
