import CommandOutput
import Files
import Glibc
import SystemCalls

/// The source files of one plugin, all in one language.
package struct PluginSources: Sendable, Equatable {
    package enum Language: String, Sendable, CaseIterable {
        case c
        case swift
    }

    let language: Language
    /// The paths as given on the command line; those in a folder are sorted.
    package let files: [String]
    /// The name of the plugin's file without its suffix: the first source's name, or the folder's.
    package let name: String

    /// - Parameter arguments: one folder, or files of one language.
    /// - Throws: `UsageError` if these can't be one plugin, `CommandFailure` if something does not exist.
    package init(_ arguments: [String]) throws {
        var files = arguments
        var name = arguments.first.map(Self.stem) ?? ""
        for argument in arguments {
            var status = stat()
            guard stat(argument, &status) == 0 else {
                throw CommandFailure("\(argument): it can't be opened (\(systemError()))")
            }
            guard status.st_mode & S_IFMT == S_IFDIR else { continue }
            guard arguments.count == 1 else {
                throw UsageError(
                    "\(argument) is a directory: give either one directory or files; each call builds one plugin")
            }
            files = try Self.sources(in: argument)
            name = Self.folderName(argument)
            guard !files.isEmpty else {
                throw CommandFailure("\(argument): it contains no .c or .swift file")
            }
        }
        try self.init(files: files, name: name)
    }

    /// - Parameter files: at least one.
    init(files: [String], name: String) throws(UsageError) {
        let languages = try files.map { file throws(UsageError) in
            guard let language = Self.language(of: file) else {
                throw UsageError("\(file): sluice build compiles .c and .swift files")
            }
            return language
        }
        guard let language = languages.first else { throw UsageError("no file to build") }
        if let other = zip(files, languages).first(where: { $1 != language }) {
            throw UsageError(
                "\(files[0]) and \(other.0): a plugin is written in one language; keep C and Swift in separate directories, or use SwiftPM, "
                    + "which builds both")
        }
        self.language = language
        self.files = files
        self.name = name
    }

    /// The path of the compiled plugin. In a folder, or if `output` ends with "/", the file gets the plugin's name.
    /// - Parameter output: `nil`: the working directory.
    package func outputPath(_ output: String?) -> String {
        guard let output else { return "\(name).so" }
        return output.hasSuffix("/") || isFolder(output)
            ? (output.hasSuffix("/") ? output : output + "/") + "\(name).so" : output
    }

    /// The sources directly in a folder, without hidden files and a package's manifest.
    static func sources(in folder: String) throws(CommandFailure) -> [String] {
        let prefix = folder.hasSuffix("/") ? folder : folder + "/"
        return try names(in: folder).filter(isSource).map { prefix + $0 }
    }

    /// - Parameter name: a name without a folder.
    package static func isSource(_ name: String) -> Bool {
        language(of: name) != nil && !name.hasPrefix(".") && name != "Package.swift"
            && !name.hasPrefix("Package@swift-")
    }

    private static func language(of file: String) -> Language? {
        Language.allCases.first { file.hasSuffix(".\($0.rawValue)") }
    }

    /// "hello" for "plugins/hello.c".
    static func stem(_ path: String) -> String {
        let name = fileName(path)
        return String(name.lastIndex(of: ".").map { name[..<$0] } ?? name[...])
    }

    package static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Also works for "." and "..".
    private static func folderName(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return stem(path) }
        defer { free(resolved) }
        return String(cString: resolved).split(separator: "/").last.map(String.init) ?? "plugin"
    }
}
