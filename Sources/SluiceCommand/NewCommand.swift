import ArgumentParser
import Authoring
import CommandOutput
import Glibc
import Settings

struct NewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Create a new producer to start from.",
        discussion: """
            Creates a directory with a working producer in C or Swift, and files to build it: with 'sluice build', or \
            without it (make for C, SwiftPM for Swift). Nothing is overwritten.

            Examples:
              sluice new my-ticker --lang swift
              sluice new my-ticker --lang c --dir plugins
            """)

    @Argument(help: ArgumentHelp("The name of the producer and of its directory.", valueName: "name"))
    var name: String

    @Option(help: ArgumentHelp("The language: c or swift.", valueName: "c|swift"))
    var lang: String

    @Option(help: ArgumentHelp("Where to create it.", valueName: "dir"))
    var dir: String = "."

    func run() throws {
        guard let language = PluginSources.Language(rawValue: lang) else {
            throw UsageError("--lang: expected c or swift, not '\(lang)'")
        }
        let folder = NewFolder(name: try ProducerName(name), language: language, sluice: try .ofThisExecutable())
        let path = dir == "." ? name : dir.hasSuffix("/") ? dir + name : "\(dir)/\(name)"
        try folder.write(to: path)
        let text = """
            created \(path): \(folder.files.map(\.name).joined(separator: ", "))

            try:  sluice run \(path)/\(folder.sourceName)
                  sluice dev \(path)

            """
        writeFully(text, to: STDOUT_FILENO)
    }
}
