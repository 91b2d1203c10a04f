package import CommandOutput
import Glibc
import PluginHost
package import ProducerInterface
import StreamLoop
import StreamRuntime

/// One trial of one producer in this process, which ends with it.
package struct ProducerTrial {
    private let trial: CheckTrial
    private let bench: TrialBench
    private let report: TrialReport

    /// Loads the plugin; from now on a watch ends the process when its time is over.
    /// - Parameters:
    ///   - values: of its parameters.
    ///   - configuration: the sections of producers, by name.
    ///   - isInsecure: the plugin is also loaded if others could change it.
    ///   - path: the file for what is found.
    /// - Throws: if that can't be written, or the plugin can't be loaded or has no such producer.
    package init(
        _ trial: CheckTrial, of producer: String, in file: String, values: [StreamRequest.Field],
        configuration: [String: [String: String]], isInsecure: Bool, seed: UInt64, reportingTo path: String
    ) throws(CommandFailure) {
        let report = try TrialReport(path: path)
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
        bench = try TrialBench(
            plugin: plugin, loader: loader, producer: producer,
            given: Dictionary(values.map { ($0.name, $0.value) }) { $1 }, seed: seed, report: report
        ) { limits in
            if trial == .slow { limits.writeDeadline = 1_000_000_000 }
        }
        self.trial = trial
        self.report = report
    }

    package func run() throws(CommandFailure) -> Never {
        switch trial {
        case .events: StreamTrials(bench: bench).events()
        case .moments: StreamTrials(bench: bench).moments()
        case .crowd: StreamTrials(bench: bench).crowd()
        case .leaks: StreamTrials(bench: bench).leaks()
        case .parameters: RequestTrials(bench: bench).parameters()
        case .resume: RequestTrials(bench: bench).resume()
        case .reload: try RequestTrials(bench: bench).reload()
        case .slow: StreamTrials(bench: bench).slow()
        case .late: StreamTrials(bench: bench).late()
        case .shutdown: StreamTrials(bench: bench).endOfServer()
        }
        // What the plugin was told off for last.
        HostLog.drain()
        report.write(.done)
        // Not `exit`: a thread that never returned from the plugin must not meet its destructors.
        _exit(0)
    }

    /// A plugin that hangs ends its own process only.
    private static func watch(_ report: TrialReport) {
        _ = startThread(named: "sluice-watch", stackBytes: 512 * 1024) {
            sleep(UInt32(CheckTrial.deadlineSeconds))
            report.found(.hang, "the trial did not finish within \(CheckTrial.deadlineSeconds) s")
            _exit(1)
        }
    }
}
