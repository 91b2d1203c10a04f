import ArgumentParser
import Checking
import CommandOutput
import Settings

/// What `sluice check` runs for each trial: not for people, unless a debugger shall show where a plugin fails.
struct TrialCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trial", abstract: "Try a producer in one way, in this process.", shouldDisplay: false)

    @Argument(help: ArgumentHelp("The plugin.", valueName: "file.so"))
    var file: String

    @Argument(help: "The producer's name.")
    var producer: String

    @Argument(help: "What to do with it.")
    var trial: String

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
        guard let kind = CheckTrial(rawValue: trial) else { throw UsageError("there is no trial '\(trial)'") }
        let sources = try SettingSources(
            flags: [SettingRows.server.insecurePlugins.name: "\(insecurePlugins)"], environment: [:],
            configurationPath: config)
        let producerTrial = try ProducerTrial(
            kind, of: producer, in: file, values: StreamArguments(values, headers: []).values,
            configuration: sources.file?.producers ?? [:], isInsecure: insecurePlugins, seed: seed,
            reportingTo: report)
        try producerTrial.run()
    }
}
