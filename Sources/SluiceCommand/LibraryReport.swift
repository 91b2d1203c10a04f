import Logging
import PluginHost
import StreamRuntime
import Synchronization

/// Tells of libraries that changed on disk while plugins go on with those in memory.
final class LibraryReport: Sendable {
    private let watch = LibraryWatch()
    private let last = Mutex<[LibraryWatch.Changed]>([])

    /// What the last look found; any thread.
    var changed: [LibraryWatch.Changed] { last.withLock(\.self) }

    /// Looks at the libraries of what serves, and logs those that are not what stands on disk any more.
    func look(at reloader: Reloader, _ logger: Logger) {
        let plugins = reloader.servedImages.compactMap { $0.origin as? LoadedPlugin }
        let found = watch.look(at: plugins)
        last.withLock { $0 = found }
        for library in found {
            logger.warning(
                "a library has changed on disk, but plugins still use the one in memory; restart the server to load it",
                metadata: ["library": "\(library.library)", "plugins": "\(library.plugins.joined(separator: ", "))"])
        }
    }
}
