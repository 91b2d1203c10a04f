import ArgumentParser
import Glibc

struct BuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Compile a plugin written in C or Swift.",
        discussion: """
            Makes one .so of one or more .c or .swift files, or of those in a folder, with the flags that every plugin should have: it \
            exports its entry and nothing else, and leaves no symbol undefined. The compiler's warnings and errors are passed on as they \
            are. The file appears under its name when it is complete, so it may be built into a folder that is served.

            The compilers are cc and swiftc, or what CC and SWIFTC name. CFLAGS, LDFLAGS, LDLIBS and SWIFTFLAGS are added, as by make. The \
            library for Swift is compiled once for each compiler and kept in ~/.cache/sluice, which may be removed at any time.

            Examples:
              sluice build hello.c
              sluice build Hello.swift -o plugins/
              sluice build rows.c -lsqlite3
              sluice build my-plugin/ -o plugins/my-plugin.so
            """)

    @Argument(help: ArgumentHelp("One folder, or files of one language.", valueName: "file"))
    var files: [String]

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The plugin's file, or a folder for it (default: <name>.so here).", valueName: "out.so"))
    var output: String?

    @Option(
        name: [.customShort("l", allowingJoined: true)],
        help: ArgumentHelp("Also link with this library; may be repeated.", valueName: "library"))
    var libraries: [String] = []

    @Flag(help: "Build for a debugger: not optimised.")
    var debug = false

    @Flag(help: "Compile sources although others than their owner could change them.")
    var insecurePlugins = false

    func run() throws {
        let sources = try PluginSources(files)
        let path = Self.outputPath(output, name: sources.name)
        let builder = PluginBuilder(
            files: try .ofThisExecutable(),
            choices: BuildChoices(
                isDebug: debug, libraries: libraries, acceptsInsecureFiles: insecurePlugins), output: .passed)
        guard case .built = try ControlEvents.notingTermination(during: { try builder.build(sources, to: path) }) else {
            throw CommandFailure("\(sources.files.joined(separator: ", ")): not built; the compiler says why, above")
        }
        writeFully(Array("built \(path)\n".utf8), to: STDOUT_FILENO)
    }

    /// A folder, or something that ends like one, gets a file of the plugin's name.
    static func outputPath(_ output: String?, name: String) -> String {
        guard let output else { return "\(name).so" }
        var status = stat()
        let isFolder = output.hasSuffix("/") || (stat(output, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR)
        return isFolder ? (output.hasSuffix("/") ? output : output + "/") + "\(name).so" : output
    }
}
