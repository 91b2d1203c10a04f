import Files

extension PluginSources {
    /// Who else could change the sources, or the headers beside them, in one line; `nil`: nobody. What is compiled runs
    /// here.
    var objection: String? {
        Self.objection(toReading: files + headers)
    }

    /// The same of any files, as those that a compiler says it has read.
    static func objection(toReading files: [String]) -> String? {
        let access = WriteAccess.ofThisProcess
        for file in files {
            if let objection = access.objection(to: file) { return "\(file): \(objection)" }
        }
        return nil
    }

    /// In the folders of the sources.
    private var headers: [String] {
        let folders = Set(files.map { file in file.lastIndex(of: "/").map { String(file[...$0]) } ?? "" })
        return folders.sorted().flatMap { folder in
            ((try? Files.names(in: folder.isEmpty ? "." : folder)) ?? []).filter { $0.hasSuffix(".h") }
                .map { folder + $0 }
        }
    }
}
