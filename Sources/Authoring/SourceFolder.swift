import CommandOutput
import Files
import Glibc

/// The plugins that stand in a folder as sources: each `.c` and `.swift` file is one, and each sub-folder that has
/// some.
struct SourceFolder: Sendable {
    let path: String

    struct Plugin: Sendable, Equatable {
        /// From the folder: "hello.c", "chat". What people are told.
        let label: String
        let files: [String]
        /// Equal as long as its sources are, the headers beside them, and who could change them.
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

    /// The sources, headers and compiled plugins that are symbolic links.
    var links: [String] {
        ([path] + folders).flatMap { folder in
            ((try? names(in: folder)) ?? []).filter { name in
                PluginSources.isSource(name) || name.hasSuffix(".h") || isCompiled(name)
            }.map { "\(folder)/\($0)" }
        }.filter { readLink($0) != nil }
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
        ((try? names(in: path)) ?? []).filter(isCompiled).map { name in
            "\(name)\(Self.stamp(of: "\(path)/\(name)"))"
        }
    }

    /// As a server would take it for a plugin.
    private func isCompiled(_ name: String) -> Bool { name.hasSuffix(".so") && !name.hasPrefix(".") }

    private func plugin(_ files: [String], name: String, in folder: String) -> Plugin {
        let headers = ((try? names(in: folder)) ?? []).filter { $0.hasSuffix(".h") }.map { "\(folder)/\($0)" }
        var bytes: [UInt8] = []
        for file in files + headers {
            let content = (try? contents(of: file))?.prefix(Self.sourceBytesMax) ?? []
            bytes += Array("\n\(content.count) \(file)\n".utf8) + content
        }
        let objection = try? PluginSources(files: files, name: name).objection
        bytes += Array("\n\(objection ?? "")".utf8)
        return Plugin(
            label: folder == path ? PluginSources.fileName(files[0]) : PluginSources.fileName(folder), files: files,
            content: bytes.withUnsafeBytes { "\(ContentID(of: $0))" }, name: name)
    }

    /// Equal as long as these files are not written to, and the same people could do so.
    static func stamps(of files: [String]) -> String {
        files.map { "\n\($0)\(stamp(of: $0))" }.joined()
            + (PluginSources.objection(toReading: files).map { "\n\($0)" } ?? "")
    }

    private static func stamp(of file: String) -> String {
        var status = stat()
        guard stat(file, &status) == 0 else { return " is gone" }
        // The time of a change, which no program can choose as cp -p chooses that of the content.
        return " \(status.st_ino) \(status.st_size) \(status.st_ctim.tv_sec) \(status.st_ctim.tv_nsec)"
    }

    /// The page that stands beside the sources, for a browser that asks for `/`.
    var page: [UInt8]? { try? contents(of: "\(path)/index.html") }
}
