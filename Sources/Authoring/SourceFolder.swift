import CommandOutput
import Files
import Glibc

/// The plugins whose sources are in a folder: each `.c` or `.swift` file is a plugin, and so is each sub-folder with
/// such files.
struct SourceFolder: Sendable {
    let path: String

    struct Plugin: Sendable, Equatable {
        /// The path from the folder, as shown to people: "hello.c", "chat".
        let label: String
        let files: [String]
        /// A text that changes with the sources, with the headers beside them, and with the users who can change those.
        let content: String
        /// The name that `sluice build` gives it.
        let name: String
    }

    /// Only this much of a file is compared; nobody writes more by hand. Bytes.
    private static let sourceBytesMax = 16 << 20

    /// The sub-folders that can contain a plugin.
    var folders: [String] {
        ((try? names(in: path)) ?? []).filter { !$0.hasPrefix(".") }.map { "\(path)/\($0)" }
            .filter(isFolder)
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
            // The folder may have been removed meanwhile.
            guard let files = try? PluginSources.sources(in: folder), !files.isEmpty else { continue }
            plugins.append(plugin(files, name: PluginSources.fileName(folder), in: folder))
        }
        return plugins
    }

    /// The compiled plugins in the folder, each with a stamp that changes with the file.
    var libraries: [String] {
        ((try? names(in: path)) ?? []).filter(isCompiled).map { name in
            "\(name)\(Self.stamp(of: "\(path)/\(name)"))"
        }
    }

    /// Whether a server would load the file as a plugin.
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

    /// A text that changes when one of the files is written to, or when other users can change it.
    static func stamps(of files: [String]) -> String {
        files.map { "\n\($0)\(stamp(of: $0))" }.joined()
            + (PluginSources.objection(toReading: files).map { "\n\($0)" } ?? "")
    }

    private static func stamp(of file: String) -> String {
        var status = stat()
        guard stat(file, &status) == 0 else { return " is gone" }
        // ctime, because programs can set mtime, as cp -p does.
        return " \(status.st_ino) \(status.st_size) \(status.st_ctim.tv_sec) \(status.st_ctim.tv_nsec)"
    }

    /// The page beside the sources, which is served at `/`.
    var page: [UInt8]? { try? contents(of: "\(path)/index.html") }
}
