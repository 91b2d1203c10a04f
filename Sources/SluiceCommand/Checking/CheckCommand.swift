import ArgumentParser
import ForeignFunction
import Glibc
import Logging
import PluginHost
import ProducerInterface

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Try a plugin as a server would, hard.",
        discussion: """
            Opens thousands of streams of each producer and ends them in every way there is: subscribers that leave at any moment, \
            that hardly read, that come back with an id; bad and boundary parameters; reloads; the end of the server. Each trial runs in a process \
            of its own, so that a crash is a finding. It looks for crashes, hangs, broken rules of sluice.h, calls that take longer \
            than their flags promise, and what is left behind: memory, descriptors, threads, streams that were never closed.

            Give values for what has no default, and the configuration that the producers need. The exit status is 0 if nothing was \
            found, and 1 otherwise. The same --seed makes the same random moments.

            Examples:
              sluice check hello.so
              sluice check ticker.so symbol=ACME --json
              sluice check tail.so --config sluice.yaml path=app.log
              sluice check hello.so --trial moments --seed 7
            """)

    @Argument(help: ArgumentHelp("The plugin.", valueName: "file.so"))
    var file: String

    @Argument(help: ArgumentHelp("Values of parameters, for all producers that have them.", valueName: "name=value"))
    var values: [String] = []

    @Option(help: ArgumentHelp("Only this producer; may be repeated.", valueName: "name"))
    var producer: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only this trial; may be repeated. (\(CheckTrial.allCases.map(\.rawValue).joined(separator: ", ")))",
            valueName: "name"))
    var trial: [String] = []

    @Option(
        help: ArgumentHelp(
            "What the random moments are made from (default: another one each time).", valueName: "number"))
    var seed: UInt64?

    @Option(help: ArgumentHelp("The configuration file, for the producers' sections.", valueName: "file"))
    var config: String?

    @Flag(help: "Write one JSON object.")
    var json = false

    @Flag(help: "Load the plugin although others than its owner could change it.")
    var insecurePlugins = false

    func validate() throws {
        for name in trial where CheckTrial(rawValue: name) == nil {
            throw ValidationError(
                "--trial \(name): expected one of \(CheckTrial.allCases.map(\.rawValue).joined(separator: ", "))")
        }
    }

    func run() throws {
        // Its trials have the same limit.
        try DescriptorRoom.check(loops: 2, doorThreads: 1)
        let arguments = try StreamArguments(values, headers: [])
        let declaration = try declaration()
        for name in producer where !declaration.producers.contains(where: { $0.description.name == name }) {
            let names = declaration.producers.map(\.description.name).joined(separator: ", ")
            throw SettingError("\(file) has no producer '\(name)'; it has: \(names)")
        }
        let known = declaration.producers.flatMap { $0.signature.parameters.map(\.name) }
        for value in arguments.values where !known.contains(value.name) {
            throw SettingError("\(value.name)=\(value.value): no producer of \(file) has such a parameter")
        }
        var verdict = CheckVerdict(file: file, seed: seed ?? .random(in: 0...UInt64(UInt32.max)), writesJSON: json)
        verdict.begin()
        // Of a crash only the signal matters here; the runtime's own report would take longer than the trial.
        setenv("SWIFT_BACKTRACE", "enable=no", 1)
        for each in declaration.producers where producer.isEmpty || producer.contains(each.description.name) {
            let own = arguments.values.filter { value in each.signature.parameters.contains { $0.name == value.name } }
            for kind in CheckTrial.allCases where trial.isEmpty || trial.contains(kind.rawValue) {
                let run = TrialRun(
                    file: file, producer: each.description.name, trial: kind, seed: verdict.seed,
                    words: own.map { "\($0.name)=\($0.value)" } + (config.map { ["--config", $0] } ?? [])
                        + (insecurePlugins ? ["--insecure-plugins"] : []))
                let outcome = try ControlEvents.notingTermination(during: run.run)
                guard !ControlEvents.isTerminating else { throw CommandFailure("interrupted") }
                verdict.take(outcome, of: kind, producer: each.description.name)
            }
        }
        verdict.end()
        if verdict.findingCount > 0 { throw ExitCode(1) }
    }

    /// What the plugin declares, as its probe tells; a file that a server would refuse is refused here.
    private func declaration() throws -> LoadedPlugin {
        let quiet = Logger(label: "sluice") { _ in SwiftLogNoOpLogHandler() }
        let loader = PluginLoader(
            settings: PluginLoader.Settings(isInsecure: insecurePlugins, prober: Prober()), logger: quiet)
        do throws(PluginRefusal) {
            return try loader.load(file)
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
