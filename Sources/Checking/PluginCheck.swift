import CommandOutput
import ForeignFunction
import Glibc
import Logging
import PluginHost
import Processes
package import ProducerInterface

/// Tries the producers of a plugin, one after the other, each in all ways that are wanted.
package struct PluginCheck {
    private let file: String
    private let producers: [String]
    private let scenarios: [Scenario]
    private let values: [StreamRequest.Field]
    private let options: [String]
    private let isInsecure: Bool

    /// - Parameters:
    ///   - producers: only these; empty: all.
    ///   - scenarios: only these; empty: all.
    ///   - values: of parameters, for the producers that have them.
    ///   - configuration: the file with the producers' sections.
    ///   - isInsecure: the plugin is also loaded if others could change it.
    package init(
        of file: String, producers: [String], scenarios: [Scenario], values: [StreamRequest.Field],
        configuration: String?, isInsecure: Bool
    ) {
        self.file = file
        self.producers = producers
        self.scenarios = scenarios.isEmpty ? Scenario.allCases : scenarios
        self.values = values
        options = (configuration.map { ["--config", $0] } ?? []) + (isInsecure ? ["--insecure-plugins"] : [])
        self.isInsecure = isInsecure
    }

    /// Says on standard output what was found, for people as it comes.
    /// - Parameters:
    ///   - seed: of the random moments.
    ///   - writesJSON: says it at the end, as one object.
    /// - Returns: how many findings there are.
    /// - Throws: `UsageError` for producers and parameters that the plugin does not have; `CommandFailure` if it can't
    ///   be loaded, or a signal
    ///   ends the check.
    package func run(seed: UInt64, writesJSON: Bool) throws -> Int {
        let declaration = try declaration()
        try checkNames(declaration)
        var verdict = CheckVerdict(file: file, seed: seed, writesJSON: writesJSON)
        verdict.begin()
        // Of a crash only the signal matters here; the runtime's own report would take longer than the scenario.
        setenv("SWIFT_BACKTRACE", "enable=no", 1)
        for each in declaration.producers where producers.isEmpty || producers.contains(each.description.name) {
            let own = values.filter { value in each.signature.parameters.contains { $0.name == value.name } }
            for scenario in Scenario.allCases where scenarios.contains(scenario) {
                let run = ScenarioRun(
                    file: file, producer: each.description.name, scenario: scenario, seed: seed,
                    words: own.map { "\($0.name)=\($0.value)" } + options)
                let outcome = try Termination.noting(during: run.run)
                guard !Termination.isRequested else { throw CommandFailure("interrupted") }
                verdict.take(outcome, of: scenario, producer: each.description.name)
            }
        }
        verdict.end()
        return verdict.findingCount
    }

    /// What the plugin declares, as its probe tells; a file that a server would refuse is refused here.
    private func declaration() throws(CommandFailure) -> LoadedPlugin {
        let quiet = Logger(label: "sluice") { _ in SwiftLogNoOpLogHandler() }
        let loader = PluginLoader(
            settings: PluginLoader.Settings(isInsecure: isInsecure, prober: Prober()), logger: quiet)
        do throws(PluginRefusal) {
            return try loader.load(file)
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private func checkNames(_ declaration: LoadedPlugin) throws(UsageError) {
        let names = declaration.producers.map(\.description.name)
        for name in producers where !names.contains(name) {
            throw UsageError("\(file) has no producer '\(name)'; it has: \(names.joined(separator: ", "))")
        }
        let known = declaration.producers.flatMap { $0.signature.parameters.map(\.name) }
        for value in values where !known.contains(value.name) {
            throw UsageError("\(value.name)=\(value.value): no producer of \(file) has such a parameter")
        }
    }
}
