import Files

extension PluginSources {
    /// Which other users can change the sources, or the headers beside them, in one line; `nil`: none. Compiled code
    /// runs with this user's rights.
    var objection: String? {
        Self.objection(toReading: files + headers)
    }

    /// The same for any files, such as those that a compiler reports.
    static func objection(toReading files: [String]) -> String? {
        let access = WriteAccess.ofThisProcess
        for file in files {
            if let objection = access.objection(to: file) { return "\(file): \(objection)" }
        }
        return nil
    }

    /// The headers in the folders of the sources.
    private var headers: [String] {
        let folders = Set(files.map { file in file.lastIndex(of: "/").map { String(file[...$0]) } ?? "" })
        return folders.sorted().flatMap { folder in
            ((try? Files.names(in: folder.isEmpty ? "." : folder)) ?? []).filter { $0.hasSuffix(".h") }
                .map { folder + $0 }
        }
    }
}
