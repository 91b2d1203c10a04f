import StreamRuntime

/// The difference between the settings of a running server and what its sources say now.
struct SettingsChange: Equatable {
    /// What holds from now on.
    let settings: Settings
    /// The keys of what changes.
    let changed: [String]
    /// The keys of what would have to change, but needs a new start.
    let fixed: [String]

    init(from old: Settings, to new: Settings) {
        var settings = new
        var changed: [String] = []
        var fixed: [String] = []
        for (key, isEqual) in Self.changeable where !isEqual(old, new) { changed.append(key) }
        for (key, keep) in Self.unchangeable where keep(old, &settings) { fixed.append(key) }
        self.settings = settings
        self.changed = changed
        self.fixed = fixed
    }

    private typealias Comparing = @Sendable (Settings, Settings) -> Bool
    /// Puts the old value back.
    /// - Returns: whether it was another one.
    private typealias Keeping = @Sendable (Settings, inout Settings) -> Bool

    private static func same<Value: Equatable & SendableMetatype>(
        _ path: any KeyPath<Settings, Value> & Sendable
    ) -> Comparing {
        { $0[keyPath: path] == $1[keyPath: path] }
    }

    private static func keep<Value: Equatable & SendableMetatype>(
        _ path: any WritableKeyPath<Settings, Value> & Sendable
    ) -> Keeping {
        { old, new in
            defer { new[keyPath: path] = old[keyPath: path] }
            return old[keyPath: path] != new[keyPath: path]
        }
    }

    /// Each setting is in one of the two lists.
    private static let changeable: [(key: String, isEqual: Comparing)] = [
        (SettingTable.insecurePlugins.key, same(\.acceptsInsecurePlugins)),
        (SettingTable.probeDeadline.key, same(\.probeDeadlineNanoseconds)),
        (SettingTable.probeMemory.key, same(\.probeMemoryBytes)),
        (SettingTable.trialFailures.key, same(\.trialFailureCountMax)),
        (SettingTable.trialPeriod.key, same(\.trialPeriodNanoseconds)),
        (SettingTable.logLevel.key, same(\.logLevel)),
        (SettingTable.maxConnections.key, same(\.connectionCountMax)),
        (SettingTable.maxStreams.key, same(\.streamCountMax)),
        (SettingTable.maxStreamsPerProducer.key, same(\.streamCountPerProducerMax)),
        (SettingTable.maxThreads.key, same(\.threadCountMax)),
        (SettingTable.stackSize.key, same(\.stackBytes)),
        (SettingTable.maxScheduledCalls.key, same(\.scheduledCallCountMax)),
        (SettingTable.maxEventBytes.key, same(\.eventBytesMax)),
        (SettingTable.maxBodyBytes.key, same(\.bodyBytesMax)),
        (SettingTable.maxArrivingBytes.key, same(\.arrivingBytesMax)),
        (SettingTable.maxHubsPerProducer.key, same(\.hubCountPerProducerMax)),
        (SettingTable.maxKeptRequestBytes.key, same(\.keptRequestBytesMax)),
        (SettingTable.handoffBytes.key, same(\.handoffBytes)),
        (SettingTable.keepAlive.key, same(\.keepAliveNanoseconds)),
        (SettingTable.writeDeadline.key, same(\.writeDeadlineNanoseconds)),
        (SettingTable.maxAge.key, same(\.maxAgeNanoseconds)),
        (SettingTable.retry.key, same(\.retryMilliseconds)),
        (SettingTable.stallLimit.key, same(\.stallLimitNanoseconds)),
        (SettingTable.callDeadline.key, same(\.callDeadlineNanoseconds)),
        (SettingTable.drainDeadline.key, same(\.drainDeadlineNanoseconds)),
        (SettingTable.shutdownDeadline.key, same(\.shutdownDeadlineNanoseconds)),
        (SettingTable.headTimeout.key, same(\.headTimeoutNanoseconds)),
        (SettingTable.bodyTimeout.key, same(\.bodyTimeoutNanoseconds)),
        (SettingTable.bodyGrace.key, same(\.bodyGraceNanoseconds)),
        (SettingTable.minBodyRate.key, same(\.bodyBytesPerSecondMin)),
        (SettingTable.idleTimeout.key, same(\.idleTimeoutNanoseconds)),
        (SettingTable.historyEvents.key, same(\.hub.historyEvents)),
        (SettingTable.historyBytes.key, same(\.hub.historyBytes)),
        (SettingTable.linger.key, same(\.hub.linger)),
        (SettingTable.slowPolicy.key, same(\.hub.slowPolicy)),
        (SettingTable.anchor.key, same(\.hub.isAnchored)),
        ("hubs", same(\.hubs)),
        ("producers", same(\.producerSections)),
    ]

    private static let unchangeable: [(key: String, keep: Keeping)] = [
        (SettingTable.plugins.key, keep(\.pluginDirectory)),
        (SettingTable.listen.key, keep(\.listen)),
        (SettingTable.loops.key, keep(\.loopCount)),
        (SettingTable.logFormat.key, keep(\.logFormat)),
        (SettingTable.control.key, keep(\.control)),
        (SettingTable.watch.key, keep(\.watches)),
    ]

    /// For a test that all settings are here.
    static var keys: [String] { changeable.map(\.key) + unchangeable.map(\.key) }
}
