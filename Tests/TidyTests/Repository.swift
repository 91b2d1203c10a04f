import Foundation

/// The source tree of these tests, without hidden and generated files.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct File {
        /// The path from the root: "Sources/EventStream/CloseReason.swift".
        let path: String
        let text: String

        var lines: [Substring] {
            text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Substring.init)
        }
        /// Whether one of the words is in the file; far faster than checking each line.
        func mentions(_ words: String...) -> Bool { words.contains { strstr(text, $0) != nil } }
        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
    }

    /// The text files below a folder whose names have one of these endings.
    static func files(in folder: String, _ endings: String...) throws -> [File] {
        let start = root.appending(path: folder)
        let options: FileManager.DirectoryEnumerationOptions = [.skipsHiddenFiles]
        guard let all = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil, options: options)
        else {
            throw CocoaError(.fileReadNoSuchFile)
        }
        let wanted = all.compactMap { $0 as? URL }.filter { url in
            endings.contains { url.lastPathComponent.hasSuffix($0) }
        }
        return try wanted.map { url in
            File(
                path: String(url.standardizedFileURL.path.dropFirst(root.standardizedFileURL.path.count + 1)),
                text: try String(contentsOf: url, encoding: .utf8))
        }.sorted { $0.path < $1.path }
    }

    static func file(_ path: String) throws -> File {
        File(path: path, text: try String(contentsOf: root.appending(path: path), encoding: .utf8))
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    /// The names in a folder that are not hidden.
    static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)
            .filter { !$0.hasPrefix(".") }.sorted()
    }
}
