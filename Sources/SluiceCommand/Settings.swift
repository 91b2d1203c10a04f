import CLinux
import Glibc
import Logging
import PluginHost
import Processes
import StreamRuntime

/// All that an operator can decide, resolved: flags before environment before `sluice.yaml` before defaults.
struct Settings: Sendable, Equatable {
    var pluginDirectory: String
    var listen: ListenAddress
    var loopCount: Int
    var acceptsInsecurePlugins: Bool
    /// The path of the control socket; empty: the standard one; `ControlPath.none`: none.
    var control: String
    /// Reloads without being told.
    var watches: Bool
    var logLevel: Logger.Level
    var logFormat: LogFormat

    var connectionCountMax: Int
    var streamCountMax: Int
    var streamCountPerProducerMax: Int
    /// Streams of blocking producers.
    var threadCountMax: Int
    /// Of a stream's thread.
    var stackBytes: Int
    /// Of one stream.
    var scheduledCallCountMax: Int
    var eventBytesMax: Int
    var bodyBytesMax: Int
    var arrivingBytesMax: Int
    var hubCountPerProducerMax: Int
    var keptRequestBytesMax: Int
    var handoffBytes: Int
    /// How shared streams behave, but for those of the producers in `hubs`.
    var hub: HubSettings
    var hubs: [String: HubSettings]

    var keepAliveNanoseconds: Int64
    var writeDeadlineNanoseconds: Int64
    /// 0: none.
    var maxAgeNanoseconds: Int64
    var retryMilliseconds: Int64
    var stallLimitNanoseconds: Int64
    var callDeadlineNanoseconds: Int64
    var drainDeadlineNanoseconds: Int64
    var shutdownDeadlineNanoseconds: Int64
    var headTimeoutNanoseconds: Int64
    var bodyTimeoutNanoseconds: Int64
    var bodyGraceNanoseconds: Int64
    /// 0: any.
    var bodyBytesPerSecondMin: Int
    var idleTimeoutNanoseconds: Int64

    var probeDeadlineNanoseconds: Int64
    var probeMemoryBytes: Int
    /// 0: no generation is taken back.
    var trialFailureCountMax: Int
    /// 0: likewise.
    var trialPeriodNanoseconds: Int64

    /// What `host->config` answers: the operator's sections, by producer and key.
    var producerSections: [String: [String: String]]

    /// The configuration file that was read, if any.
    var configurationPath: String?

    /// Reads everything anew; may be called as often as one likes, e.g. on a reload.
    /// - Parameters:
    ///   - environment: the process's own if `nil`.
    ///   - folder: where relative paths begin: a plugin may change the working directory.
    static func load(
        _ options: ServeOptions, environment: [String: String]? = nil, in folder: StartFolder = .ofThisProcess
    ) throws(SettingError) -> Settings {
        var settings = try Settings(
            SettingSources(
                flags: options.flags, environment: environment ?? Self.processEnvironment(),
                configurationPath: options.config, folder: folder))
        settings.configurationPath = settings.configurationPath.map(folder.absolute)
        return settings
    }

    /// The variables that may be settings.
    static func processEnvironment() -> [String: String] {
        var variables: [String: String] = [:]
        for key in SettingTable.keys + ["config"] {
            let name = SettingTable.variable(of: key)
            if let value = ProcessEnvironment.value(of: name) { variables[name] = value }
        }
        return variables
    }

    init(_ sources: SettingSources) throws(SettingError) {
        guard let directory = try sources.value(SettingTable.plugins) else {
            throw SettingError(
                "no plugins: name their directory, as 'sluice serve DIR', or in SLUICE_PLUGINS, or as 'plugins:' in "
                    + ConfigurationFile.defaultPath)
        }
        pluginDirectory = directory
        loopCount = try sources.value(SettingTable.loops) ?? usableCoreCount()
        listen = try sources.required(SettingTable.listen)
        acceptsInsecurePlugins = try sources.required(SettingTable.insecurePlugins)
        control = try sources.required(SettingTable.control)
        watches = try sources.required(SettingTable.watch)
        logLevel = try sources.required(SettingTable.logLevel)
        logFormat = try sources.required(SettingTable.logFormat)
        connectionCountMax = try sources.required(SettingTable.maxConnections)
        streamCountMax = try sources.required(SettingTable.maxStreams)
        streamCountPerProducerMax = try sources.required(SettingTable.maxStreamsPerProducer)
        threadCountMax = try sources.required(SettingTable.maxThreads)
        stackBytes = try sources.required(SettingTable.stackSize)
        scheduledCallCountMax = try sources.required(SettingTable.maxScheduledCalls)
        eventBytesMax = try sources.required(SettingTable.maxEventBytes)
        bodyBytesMax = try sources.required(SettingTable.maxBodyBytes)
        arrivingBytesMax = try sources.required(SettingTable.maxArrivingBytes)
        hubCountPerProducerMax = try sources.required(SettingTable.maxHubsPerProducer)
        keptRequestBytesMax = try sources.required(SettingTable.maxKeptRequestBytes)
        hub = try sources.hub()
        hubs = try sources.hubs(otherwise: hub)
        handoffBytes = try sources.required(SettingTable.handoffBytes)
        keepAliveNanoseconds = try sources.required(SettingTable.keepAlive)
        writeDeadlineNanoseconds = try sources.required(SettingTable.writeDeadline)
        maxAgeNanoseconds = try sources.required(SettingTable.maxAge)
        retryMilliseconds = try sources.required(SettingTable.retry) / 1_000_000
        stallLimitNanoseconds = try sources.required(SettingTable.stallLimit)
        callDeadlineNanoseconds = try sources.required(SettingTable.callDeadline)
        drainDeadlineNanoseconds = try sources.required(SettingTable.drainDeadline)
        shutdownDeadlineNanoseconds = try sources.required(SettingTable.shutdownDeadline)
        headTimeoutNanoseconds = try sources.required(SettingTable.headTimeout)
        bodyTimeoutNanoseconds = try sources.required(SettingTable.bodyTimeout)
        bodyGraceNanoseconds = try sources.required(SettingTable.bodyGrace)
        bodyBytesPerSecondMin = try sources.required(SettingTable.minBodyRate)
        idleTimeoutNanoseconds = try sources.required(SettingTable.idleTimeout)
        probeDeadlineNanoseconds = try sources.required(SettingTable.probeDeadline)
        probeMemoryBytes = try sources.required(SettingTable.probeMemory)
        trialFailureCountMax = try sources.required(SettingTable.trialFailures)
        trialPeriodNanoseconds = try sources.required(SettingTable.trialPeriod)
        producerSections = sources.file?.producers ?? [:]
        configurationPath = sources.file?.path
    }
}

/// The cores that this process may run on, as `taskset` and containers limit them; at most what a server has loops.
func usableCoreCount() -> Int {
    min(max(Int(sluice_usable_core_count()), 1), 255)
}
