/// The resolved settings. The command line takes precedence over the environment, the environment over `sluice.yaml`,
/// and that over the defaults.
///
/// A value is read by its row's name: `settings.maxStreams`.
@dynamicMemberLookup
package struct Settings: Sendable {
    let sources: SettingSources
    package var table: SettingTable { sources.table }
    /// The values by name, one for each row.
    private var values: [String: any Sendable]
    /// The configuration file's settings of single producers, by the name in the file: `producer` or `plugin/producer`.
    package let producers: [String: ScopedSettings]
    /// The settings of a producer or a listener that is not in the configuration file.
    package let anyProducer: ScopedSettings
    /// What `host->config` returns, by producer and key.
    package let producerConfigurations: [String: [String: String]]
    /// The settings of the listeners, in the order of `listen`.
    package private(set) var listeners: [ScopedSettings]
    /// The configuration file that was read, if any.
    package var configurationPath: String?

    package init(_ sources: SettingSources) throws(SettingError) {
        self.sources = sources
        values = [:]
        for row in sources.table.rows { values[row.name] = try sources.value(row) }
        let common = values.filter { name, _ in
            sources.table[name].map { $0.section != nil || $0.isPerListener } ?? false
        }
        anyProducer = ScopedSettings(own: [:], common: common)
        var producers: [String: ScopedSettings] = [:]
        for name in Set(sources.file?.mentions.map(\.producer) ?? []) {
            producers[name] = ScopedSettings(own: try sources.values(ofProducer: name), common: common)
        }
        self.producers = producers
        producerConfigurations = sources.file?.producers ?? [:]
        let own = try sources.valuesOfListeners()
        let addresses = values[SettingRows.server.listen.name] as? [ListenAddress] ?? []
        listeners = addresses.indices.map { index in
            ScopedSettings(own: index < own.count ? own[index] : [:], common: common)
        }
        configurationPath = sources.file?.path
        try check()
    }

    package subscript<Value>(row: Setting<Value>) -> Value {
        guard let value = values[row.name] as? Value else { preconditionFailure("\(row.name) is not in the table") }
        return value
    }

    package subscript<Value>(dynamicMember path: KeyPath<SettingRows, Setting<Value>>) -> Value {
        self[SettingRows.server[keyPath: path]]
    }

    /// The variables of the environment that have keys.
    package var keyVariables: [String] {
        ([anyProducer] + producers.values).flatMap(\.authKeys).compactMap { source in
            if case .variable(let name) = source.place { name } else { nil }
        }
    }

    /// The files that have keys or tokens.
    package var tokenFiles: [String] {
        ([anyProducer] + producers.values).flatMap { scope in
            scope.authKeys.compactMap { if case .file(let path) = $0.place { path } else { nil } }
                + (scope.authTokens.isEmpty ? [] : [scope.authTokens])
        }
    }

    func isSame(_ row: any SettingRow, in other: Settings) -> Bool {
        row.areEqual(values[row.name], other.values[row.name])
    }

    mutating func keep(_ row: any SettingRow, of other: Settings) {
        values[row.name] = other.values[row.name]
        // Their own settings are for those addresses; the common ones are new.
        if row.name == table.listeners?.name {
            listeners = other.listeners.map { ScopedSettings(own: $0.own, common: anyProducer.common) }
        }
    }

    /// One line for each producer that the configuration file names and no loaded plugin has. This is probably a typing
    /// error, but the plugin can still be added.
    /// - Parameter loaded: the producers that are served, with their plugins.
    package func warnings(loaded: [(plugin: String, producer: String)]) -> [String] {
        (sources.file?.mentions ?? []).compactMap { mention in
            // Only the section with the plugins' own keys can name a producer of one plugin.
            let isPrecise = mention.section == ConfigurationFile.configurations
            let known = loaded.map(\.producer) + (isPrecise ? loaded.map { "\($0.plugin)/\($0.producer)" } : [])
            guard !known.contains(mention.producer) else { return nil }
            return "\(mention.place): \(mention.section): no loaded plugin has a producer '\(mention.producer)'"
                + Suggestion.text(for: mention.producer, among: known)
        }
    }
}
