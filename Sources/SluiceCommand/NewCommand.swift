import ArgumentParser
import Glibc
import Settings

struct NewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Make a folder with a producer to start from.",
        discussion: """
            The folder has a producer in C or Swift that works as it is, and what builds it with 'sluice build', and without (make for C, \
            SwiftPM for Swift). Nothing is overwritten.

            Examples:
              sluice new my-ticker --lang swift
              sluice new my-ticker --lang c --dir plugins
            """)

    @Argument(help: ArgumentHelp("The producer's name; also the folder's.", valueName: "name"))
    var name: String

    @Option(help: ArgumentHelp("The language: c or swift.", valueName: "c|swift"))
    var lang: String

    @Option(help: ArgumentHelp("Where the folder goes (default: here).", valueName: "dir"))
    var dir: String = "."

    func run() throws {
        guard let language = PluginSources.Language(rawValue: lang) else {
            throw SettingError("--lang is '\(lang)': expected c or swift")
        }
        let folder = NewFolder(name: try ProducerName(name), language: language, sluice: try .ofThisExecutable())
        let path = dir == "." ? name : dir.hasSuffix("/") ? dir + name : "\(dir)/\(name)"
        try folder.write(to: path)
        let text = """
            made \(path): \(folder.files.map(\.name).joined(separator: ", "))

            try:  sluice run \(path)/\(folder.sourceName)
                  sluice dev \(path)

            """
        writeFully(Array(text.utf8), to: STDOUT_FILENO)
    }
}
