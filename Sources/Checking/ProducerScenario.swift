package import CommandOutput
import Glibc
import PluginHost
package import ProducerInterface
import StreamLoop
import StreamRuntime

/// One scenario of one producer. The current process runs it and then exits.
package struct ProducerScenario {
    private let scenario: Scenario
    private let bench: CheckBench
    private let report: ScenarioReport

    /// Loads the plugin, and starts a watchdog that ends the process at the deadline.
    /// - Parameters:
    ///   - values: values of the producer's parameters.
    ///   - configuration: the producers' sections, by name.
    ///   - isInsecure: whether to load the plugin even if others can change it.
    ///   - path: the file for the findings.
    /// - Throws: if the file can't be written, or if the plugin can't be loaded or has no such producer.
    package init(
        _ scenario: Scenario, of producer: String, in file: String, values: [StreamRequest.Field],
        configuration: [String: [String: String]], isInsecure: Bool, seed: UInt64, reportingTo path: String
    ) throws(CommandFailure) {
        let report = try ScenarioReport(path: path)
        Self.watch(report)
        let loader = PluginLoader(
            settings: PluginLoader.Settings(isInsecure: isInsecure, configuration: configuration),
            logger: report.logger)
        let plugin: LoadedPlugin
        do throws(PluginRefusal) {
            plugin = try loader.load(file)
        } catch {
            throw CommandFailure("\(error)")
        }
        bench = try CheckBench(
            plugin: plugin, loader: loader, producer: producer,
            given: Dictionary(values.map { ($0.name, $0.value) }) { $1 }, seed: seed, report: report
        ) { limits in
            if scenario == .slow { limits.writeDeadline = 1_000_000_000 }
        }
        self.scenario = scenario
        self.report = report
    }

    package func run() throws(CommandFailure) -> Never {
        switch scenario {
        case .events: StreamScenarios(bench: bench).events()
        case .moments: StreamScenarios(bench: bench).moments()
        case .crowd: StreamScenarios(bench: bench).crowd()
        case .leaks: StreamScenarios(bench: bench).leaks()
        case .parameters: RequestScenarios(bench: bench).parameters()
        case .resume: RequestScenarios(bench: bench).resume()
        case .reload: try RequestScenarios(bench: bench).reload()
        case .slow: StreamScenarios(bench: bench).slow()
        case .late: StreamScenarios(bench: bench).late()
        case .shutdown: StreamScenarios(bench: bench).endOfServer()
        }
        // The last messages about the plugin become findings, too.
        HostLog.drain()
        report.write(.done)
        // Not `exit`: it would run destructors while a thread may still be in the plugin.
        _exit(0)
    }

    /// A plugin that hangs only ends its own process.
    private static func watch(_ report: ScenarioReport) {
        _ = startThread(named: "sluice-watch", stackBytes: 512 * 1024) {
            sleep(UInt32(Scenario.deadlineSeconds))
            report.found(.hang, "the scenario did not finish within \(Scenario.deadlineSeconds) s")
            _exit(1)
        }
    }
}
