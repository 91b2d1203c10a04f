import Synchronization

/// The libraries that plugins need, and whether those on disk are still the ones in memory.
///
/// For a name that it knows, the dynamic loader uses the library that is loaded already, whatever the file contains by
/// now: a new generation of a plugin continues with the old library, until the process is restarted.
package final class LibraryWatch: Sendable {
    package struct Changed: Sendable, Equatable {
        /// The path at which the dynamic loader found it.
        package let library: String
        /// The plugins that need it, directly or through others.
        package let plugins: [String]
    }

    /// The files as they were when their libraries were first seen in memory, just after they were loaded.
    private let stamps = Mutex<[String: FileStamp]>([:])

    package init() {}

    /// Checks the libraries of these plugins. Must be called whenever plugins were loaded.
    /// - Returns: the libraries that have changed on disk since they were loaded, by path. One whose file is gone has
    ///   not changed.
    package func look(at plugins: [LoadedPlugin]) -> [Changed] {
        let images = MappedImage.all()
        let paths = Dictionary(images.map { (String(baseName($0.path)), $0) }) { first, _ in first }
        var users: [String: Set<String>] = [:]
        for plugin in plugins {
            guard let own = images.first(where: { $0.path == plugin.mappedPath }) else { continue }
            var line = own.needed
            var seen: Set<String> = []
            while let name = line.popLast() {
                guard let image = paths[String(baseName(name))], seen.insert(image.path).inserted else { continue }
                users[image.path, default: []].insert(plugin.name)
                line += image.needed
            }
        }
        return stamps.withLock { stamps in
            users.keys.sorted().compactMap { path in
                guard let now = FileStamp(of: path) else { return nil }
                guard let then = stamps[path], then != now else {
                    stamps[path] = stamps[path] ?? now
                    return nil
                }
                return Changed(library: path, plugins: users[path]!.sorted())
            }
        }
    }
}

private func baseName(_ path: String) -> Substring {
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[path.index(after: $0)...] } ?? path[...]
}
