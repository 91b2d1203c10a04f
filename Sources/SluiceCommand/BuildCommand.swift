import ArgumentParser
import Authoring
import CommandOutput
import Glibc
import Processes

struct BuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Compile a plugin written in C or Swift.",
        discussion: """
            Builds one .so from one or more .c or .swift files, or from all of those in a directory, with the flags \
            that every plugin needs: it exports only its entry, and leaves no symbol undefined. Warnings and errors of \
            the compiler are printed unchanged. The file is renamed into place when it is complete, so you can build \
            straight into a directory that is being served.

            The compilers are cc and swiftc, or the ones named in CC and SWIFTC. CFLAGS, LDFLAGS, LDLIBS and \
            SWIFTFLAGS are used as make uses them. The library for Swift plugins is compiled once per compiler and \
            cached in ~/.cache/sluice, which you can delete at any time.

            Examples:
              sluice build hello.c
              sluice build Hello.swift -o plugins/
              sluice build rows.c -lsqlite3
              sluice build my-plugin/ -o plugins/my-plugin.so
            """)

    @Argument(help: ArgumentHelp("A directory, or files in one language.", valueName: "file"))
    var files: [String]

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The file to write, or a directory for it (default: <name>.so in the current directory).",
            valueName: "out.so"))
    var output: String?

    @Option(
        name: [.customShort("l", allowingJoined: true)],
        help: ArgumentHelp("Link with this library; may be repeated.", valueName: "library"))
    var libraries: [String] = []

    @Flag(help: "Build without optimization, for a debugger.")
    var debug = false

    @Flag(help: "Compile sources even if users other than their owner can change them.")
    var insecurePlugins = false

    func run() throws {
        let sources = try PluginSources(files)
        let path = sources.outputPath(output)
        let builder = PluginBuilder(
            files: try .ofThisExecutable(),
            choices: BuildChoices(
                isDebug: debug, libraries: libraries, acceptsInsecureFiles: insecurePlugins), output: .passed)
        guard case .built = try Termination.noting(during: { try builder.build(sources, to: path) }) else {
            throw CommandFailure("\(sources.files.joined(separator: ", ")): not built; the compiler's errors are above")
        }
        writeFully("built \(path)\n", to: STDOUT_FILENO)
    }
}
