import ArgumentParser
import CommandOutput
import Glibc
import Logging
import PluginHost

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a plugin declares.",
        discussion: """
            Loads the plugin as a server would, first in a separate process, where a crash does no harm. Shows its \
            producers: their routes, parameters with types and defaults, and flags. A file that a server would refuse \
            is refused here with the same message and exit status 1.

            Examples:
              sluice inspect plugins/hello.so
              sluice inspect plugins/hello.so --json
            """)

    @Argument(help: ArgumentHelp("The plugin.", valueName: "file.so"))
    var file: String

    @Flag(help: "Write one JSON object.")
    var json = false

    @Flag(help: "Load the plugin even if users other than its owner can change it.")
    var insecurePlugins = false

    func run() throws {
        let quiet = Logger(label: "sluice") { _ in SwiftLogNoOpLogHandler() }
        let loader = PluginLoader(
            settings: PluginLoader.Settings(isInsecure: insecurePlugins, prober: Prober()), logger: quiet)
        let plugin: LoadedPlugin
        do {
            plugin = try loader.load(file)
        } catch {
            throw CommandFailure("\(error)")
        }
        let declaration = PluginDeclaration(of: plugin)
        writeFully(json ? declaration.json : Array(declaration.text.utf8), to: STDOUT_FILENO)
        plugin.shutdown()
    }
}
