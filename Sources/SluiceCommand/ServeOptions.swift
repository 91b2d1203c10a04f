import ArgumentParser

/// The command line of `sluice serve`. All values are text here: `Settings` reads them, wherever they come from.
struct ServeOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The directory of plugins (.so files).", valueName: "dir"))
    var directory: String?

    @Option(help: SettingTable.plugins.help)
    var plugins: String?

    @Option(help: SettingTable.listen.help)
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "The configuration file (default: \(ConfigurationFile.defaultPath), if there is one).", valueName: "file"))
    var config: String?

    @Option(help: SettingTable.loops.help)
    var loops: String?

    @Flag(inversion: .prefixedNo, help: SettingTable.insecurePlugins.help)
    var insecurePlugins: Bool?

    @Option(help: SettingTable.control.help)
    var control: String?

    @Flag(inversion: .prefixedNo, help: SettingTable.watch.help)
    var watch: Bool?

    @OptionGroup(title: "Probe")
    var probe: ProbeOptions

    @OptionGroup(title: "Trial of a new generation")
    var trial: TrialOptions

    @OptionGroup(title: "Log")
    var log: LogOptions

    @OptionGroup(title: "Limits")
    var limits: LimitOptions

    @OptionGroup(title: "Shared streams")
    var hubs: HubOptions

    @OptionGroup(title: "Times")
    var times: TimeOptions

    /// What was given, by key.
    var flags: [String: String] {
        var flags = ["plugins": directory ?? plugins, "listen": listen, "loops": loops, "control": control]
        flags["watch"] = watch.map(String.init)
        flags["insecure-plugins"] = insecurePlugins.map(String.init)
        return flags.merging(log.flags) { $1 }.merging(limits.flags) { $1 }.merging(times.flags) { $1 }
            .merging(hubs.flags) { $1 }.merging(probe.flags) { $1 }
            .merging(trial.flags) { $1 }
            .compactMapValues { $0 }
    }

    func validate() throws {
        if let directory, let plugins, directory != plugins {
            throw ValidationError("two directories of plugins: DIR is '\(directory)', but --plugins is '\(plugins)'")
        }
    }
}

struct ProbeOptions: ParsableArguments {
    @Option(help: SettingTable.probeDeadline.help) var probeDeadline: String?
    @Option(help: SettingTable.probeMemory.help) var probeMemory: String?

    var flags: [String: String?] { ["probe-deadline": probeDeadline, "probe-memory": probeMemory] }
}

struct TrialOptions: ParsableArguments {
    @Option(help: SettingTable.trialFailures.help) var trialFailures: String?
    @Option(help: SettingTable.trialPeriod.help) var trialPeriod: String?

    var flags: [String: String?] { ["trial-failures": trialFailures, "trial-period": trialPeriod] }
}

struct LogOptions: ParsableArguments {
    @Option(help: SettingTable.logLevel.help) var logLevel: String?
    @Option(help: SettingTable.logFormat.help) var logFormat: String?

    var flags: [String: String?] { ["log-level": logLevel, "log-format": logFormat] }
}

struct LimitOptions: ParsableArguments {
    @Option(help: SettingTable.maxConnections.help) var maxConnections: String?
    @Option(help: SettingTable.maxStreams.help) var maxStreams: String?
    @Option(help: SettingTable.maxStreamsPerProducer.help) var maxStreamsPerProducer: String?
    @Option(help: SettingTable.maxThreads.help) var maxThreads: String?
    @Option(help: SettingTable.stackSize.help) var stackSize: String?
    @Option(help: SettingTable.maxScheduledCalls.help) var maxScheduledCalls: String?
    @Option(help: SettingTable.maxEventBytes.help) var maxEventBytes: String?
    @Option(help: SettingTable.maxBodyBytes.help) var maxBodyBytes: String?
    @Option(help: SettingTable.maxArrivingBytes.help) var maxArrivingBytes: String?
    @Option(help: SettingTable.minBodyRate.help) var minBodyRate: String?
    @Option(help: SettingTable.maxHubsPerProducer.help) var maxHubsPerProducer: String?
    @Option(help: SettingTable.maxKeptRequestBytes.help) var maxKeptRequestBytes: String?
    @Option(help: SettingTable.handoffBytes.help) var handoffBytes: String?

    var flags: [String: String?] {
        [
            "max-connections": maxConnections, "max-streams": maxStreams,
            "max-streams-per-producer": maxStreamsPerProducer, "max-threads": maxThreads,
            "stack-size": stackSize, "max-scheduled-calls": maxScheduledCalls,
            "max-event-bytes": maxEventBytes, "max-body-bytes": maxBodyBytes, "min-body-rate": minBodyRate,
            "max-hubs-per-producer": maxHubsPerProducer, "handoff-bytes": handoffBytes,
            "max-kept-request-bytes": maxKeptRequestBytes, "max-arriving-bytes": maxArrivingBytes,
        ]
    }
}

struct HubOptions: ParsableArguments {
    @Option(help: SettingTable.historyEvents.help) var historyEvents: String?
    @Option(help: SettingTable.historyBytes.help) var historyBytes: String?
    @Option(help: SettingTable.linger.help) var linger: String?
    @Option(help: SettingTable.slowPolicy.help) var slowPolicy: String?
    @Option(help: SettingTable.anchor.help) var anchor: String?

    var flags: [String: String?] {
        [
            "history-events": historyEvents, "history-bytes": historyBytes, "linger": linger,
            "slow-policy": slowPolicy, "anchor": anchor,
        ]
    }
}

struct TimeOptions: ParsableArguments {
    @Option(help: SettingTable.keepAlive.help) var keepAlive: String?
    @Option(help: SettingTable.writeDeadline.help) var writeDeadline: String?
    @Option(help: SettingTable.maxAge.help) var maxAge: String?
    @Option(help: SettingTable.retry.help) var retry: String?
    @Option(help: SettingTable.stallLimit.help) var stallLimit: String?
    @Option(help: SettingTable.callDeadline.help) var callDeadline: String?
    @Option(help: SettingTable.drainDeadline.help) var drainDeadline: String?
    @Option(help: SettingTable.shutdownDeadline.help) var shutdownDeadline: String?
    @Option(help: SettingTable.headTimeout.help) var headTimeout: String?
    @Option(help: SettingTable.bodyTimeout.help) var bodyTimeout: String?
    @Option(help: SettingTable.bodyGrace.help) var bodyGrace: String?
    @Option(help: SettingTable.idleTimeout.help) var idleTimeout: String?

    var flags: [String: String?] {
        [
            "keep-alive": keepAlive, "write-deadline": writeDeadline, "max-age": maxAge, "retry": retry,
            "stall-limit": stallLimit, "call-deadline": callDeadline, "drain-deadline": drainDeadline,
            "shutdown-deadline": shutdownDeadline, "head-timeout": headTimeout,
            "body-timeout": bodyTimeout, "body-grace": bodyGrace, "idle-timeout": idleTimeout,
        ]
    }
}
