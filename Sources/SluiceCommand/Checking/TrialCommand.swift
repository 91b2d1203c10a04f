import ArgumentParser
import Glibc
import PluginHost
import ProducerInterface
import StreamLoop
import StreamRuntime

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

    @Option(help: "What the random moments are made from.")
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String?

    @Flag(help: "Load the plugin although others than its owner could change it.")
    var insecurePlugins = false

    func run() throws {
        guard let kind = CheckTrial(rawValue: trial) else { throw SettingError("there is no trial '\(trial)'") }
        let report = try TrialReport(path: report)
        watch(report)
        let given = try StreamArguments(values, headers: []).values
        let sections =
            try SettingSources(
                flags: [SettingTable.insecurePlugins.key: "\(insecurePlugins)"], environment: [:],
                configurationPath: config
            ).file?.producers ?? [:]
        let loader = PluginLoader(
            settings: PluginLoader.Settings(isInsecure: insecurePlugins, configuration: sections), logger: report.logger
        )
        let plugin: LoadedPlugin
        do throws(PluginRefusal) {
            plugin = try loader.load(file)
        } catch {
            throw CommandFailure("\(error)")
        }
        let bench = try TrialBench(
            plugin: plugin, loader: loader, producer: producer,
            given: Dictionary(given.map { ($0.name, $0.value) }) { $1 }, seed: seed, report: report
        ) { limits in
            if kind == .slow { limits.writeDeadline = 1_000_000_000 }
        }
        switch kind {
        case .events: bench.events()
        case .moments: bench.moments()
        case .crowd: bench.crowd()
        case .leaks: bench.leaks()
        case .parameters: bench.parameters()
        case .resume: bench.resume()
        case .reload: try bench.reload()
        case .slow: bench.slow()
        case .late: bench.late()
        case .shutdown: bench.endOfServer()
        }
        // What the plugin was told off for last.
        HostLog.drain()
        report.write(.done)
        // Not `exit`: a thread that never returned from the plugin must not meet its destructors.
        _exit(0)
    }

    /// A plugin that hangs ends its own process only.
    private func watch(_ report: TrialReport) {
        _ = startThread(named: "sluice-watch", stackBytes: 512 * 1024) {
            sleep(UInt32(CheckTrial.deadlineSeconds))
            report.found(.hang, "the trial was not over after \(CheckTrial.deadlineSeconds) s")
            _exit(1)
        }
    }
}
