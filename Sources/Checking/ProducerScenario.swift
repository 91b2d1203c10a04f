package import CommandOutput
import Glibc
import PluginHost
package import ProducerInterface
import StreamLoop
import StreamRuntime

/// One scenario of one producer in this process, which ends with it.
package struct ProducerScenario {
    private let scenario: Scenario
    private let bench: CheckBench
    private let report: ScenarioReport

    /// Loads the plugin; from now on a watch ends the process when its time is over.
    /// - Parameters:
    ///   - values: of its parameters.
    ///   - configuration: the sections of producers, by name.
    ///   - isInsecure: the plugin is also loaded if others could change it.
    ///   - path: the file for what is found.
    /// - Throws: if that can't be written, or the plugin can't be loaded or has no such producer.
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
        // What the plugin was told off for last.
        HostLog.drain()
        report.write(.done)
        // Not `exit`: a thread that never returned from the plugin must not meet its destructors.
        _exit(0)
    }

    /// A plugin that hangs ends its own process only.
    private static func watch(_ report: ScenarioReport) {
        _ = startThread(named: "sluice-watch", stackBytes: 512 * 1024) {
            sleep(UInt32(Scenario.deadlineSeconds))
            report.found(.hang, "the scenario did not finish within \(Scenario.deadlineSeconds) s")
            _exit(1)
        }
    }
}
