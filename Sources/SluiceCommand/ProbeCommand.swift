import ArgumentParser
import PluginHost

/// A server runs this command to try a plugin before it loads it. People only need it to debug a plugin's load.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Load a plugin in a process of its own, and report to the server.",
        shouldDisplay: false)

    @Argument(help: ArgumentHelp("The plugin.", valueName: "file.so"))
    var file: String

    @Flag(help: "Report on descriptor 3.")
    var reports = false

    @Option(help: ArgumentHelp("End with this process, which has to be the parent.", valueName: "process"))
    var parent: Int32?

    @Option(help: ArgumentHelp("What the plugin may allocate.", valueName: "bytes"))
    var memory = Prober.Settings().memoryBytes

    @Option(help: ArgumentHelp("Processor time that the plugin may take.", valueName: "seconds"))
    var seconds = 3600

    func run() {
        Probe.run(file, reports: reports, parent: parent, memoryBytes: memory, seconds: seconds)
    }
}
