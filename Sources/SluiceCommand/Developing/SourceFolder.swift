import CLinux
import Glibc
import PluginHost

/// The plugins that stand in a folder as sources: each `.c` and `.swift` file is one, and each sub-folder that has some.
struct SourceFolder: Sendable {
    let path: String

    struct Plugin: Sendable, Equatable {
        /// From the folder: "hello.c", "chat". What people are told.
        let label: String
        let files: [String]
        /// Equal as long as its sources are, and the headers beside them.
        let content: String
        /// What `sluice build` would call it.
        let name: String
    }

    /// More of a source nobody writes by hand. Bytes.
    private static let sourceBytesMax = 16 << 20

    /// The sub-folders that are looked into.
    var folders: [String] {
        ((try? names(in: path)) ?? []).filter { !$0.hasPrefix(".") }.map { "\(path)/\($0)" }.filter { folder in
            var status = stat()
            return stat(folder, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        }
    }

    /// - Throws: if the folder cannot be read.
    func plugins() throws(CommandFailure) -> [Plugin] {
        var plugins = try PluginSources.sources(in: path).map { plugin([$0], name: PluginSources.stem($0), in: path) }
        for folder in folders {
            // It may be gone again.
            guard let files = try? PluginSources.sources(in: folder), !files.isEmpty else { continue }
            plugins.append(plugin(files, name: PluginSources.fileName(folder), in: folder))
        }
        return plugins
    }

    /// The plugins that stand there compiled: whether one changed can be told by comparing these.
    var libraries: [String] {
        ((try? names(in: path)) ?? []).filter { $0.hasSuffix(".so") && !$0.hasPrefix(".") }.map { name in
            var status = stat()
            stat("\(path)/\(name)", &status)
            return "\(name) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)"
        }
    }

    private func plugin(_ files: [String], name: String, in folder: String) -> Plugin {
        let headers = ((try? names(in: folder)) ?? []).filter { $0.hasSuffix(".h") }.map { "\(folder)/\($0)" }
        var bytes: [UInt8] = []
        for file in files + headers {
            let content = (try? contents(of: file))?.prefix(Self.sourceBytesMax) ?? []
            bytes += Array("\n\(content.count) \(file)\n".utf8) + content
        }
        return Plugin(
            label: folder == path ? PluginSources.fileName(files[0]) : PluginSources.fileName(folder), files: files,
            content: bytes.withUnsafeBytes { "\(ContentID(of: $0))" }, name: name)
    }

    /// The page that stands beside the sources, for a browser that asks for `/`.
    var page: [UInt8]? { try? contents(of: "\(path)/index.html") }
}
