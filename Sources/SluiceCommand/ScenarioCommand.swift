import ArgumentParser
import Checking
import CommandOutput
import Settings

/// What `sluice check` runs for each scenario: not for people, unless a debugger shall show where a plugin fails.
struct ScenarioCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scenario", abstract: "Try a producer in one way, in this process.", shouldDisplay: false)

    @Argument(help: ArgumentHelp("The plugin.", valueName: "file.so"))
    var file: String

    @Argument(help: "The producer's name.")
    var producer: String

    @Argument(help: "What to do with it.")
    var scenario: String

    @Argument(help: ArgumentHelp("Values of its parameters.", valueName: "name=value"))
    var values: [String] = []

    @Option(help: ArgumentHelp("Where to write what was found.", valueName: "file"))
    var report = "/dev/stdout"

    @Option(help: "Seed of the random moments.")
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String?

    @Flag(help: "Load the plugin even if users other than its owner can change it.")
    var insecurePlugins = false

    func run() throws {
        guard let kind = Scenario(rawValue: scenario) else { throw UsageError("there is no scenario '\(scenario)'") }
        let sources = try SettingSources(
            flags: [SettingRows.server.insecurePlugins.name: "\(insecurePlugins)"], environment: [:],
            configurationPath: config)
        let producerScenario = try ProducerScenario(
            kind, of: producer, in: file, values: StreamArguments(values, headers: []).values,
            configuration: sources.file?.producers ?? [:], isInsecure: insecurePlugins, seed: seed,
            reportingTo: report)
        try producerScenario.run()
    }
}
