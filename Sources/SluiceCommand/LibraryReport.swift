import Logging
import PluginHost
import StreamRuntime
import Synchronization

/// Reports libraries that have changed on disk while plugins still use the ones in memory.
final class LibraryReport: Sendable {
    private let watch = LibraryWatch()
    private let last = Mutex<[LibraryWatch.Changed]>([])

    /// The result of the last check; any thread.
    var changed: [LibraryWatch.Changed] { last.withLock(\.self) }

    /// Checks the libraries of the serving plugins, and logs those that differ from the files on disk.
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
