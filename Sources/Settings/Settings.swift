/// All that an operator can decide, resolved: the command line before the environment before `sluice.yaml` before the
/// defaults.
///
/// A value is read by its row's name: `settings.maxStreams`.
@dynamicMemberLookup
package struct Settings: Sendable {
    package let table: SettingTable
    /// By name, one for each row.
    private var values: [String: any Sendable]
    /// What the configuration file says of single producers, by the name that it uses: `producer` or `plugin/producer`.
    package let producers: [String: ProducerSettings]
    /// Those for a producer that the configuration file does not name.
    package let anyProducer: ProducerSettings
    /// The producers that the configuration file names, with the places where it does.
    let mentions: [ConfigurationFile.Mention]
    /// The configuration file that was read, if any.
    package var configurationPath: String?

    package init(_ sources: SettingSources) throws(SettingError) {
        table = sources.table
        values = [:]
        for row in table.rows { values[row.name] = try sources.value(row) }
        let common = values.filter { sources.table[$0.key]?.section != nil }
        anyProducer = ProducerSettings(configuration: [:], own: [:], common: common)
        var producers: [String: ProducerSettings] = [:]
        for name in Set(sources.file?.mentions.map(\.producer) ?? []) {
            producers[name] = ProducerSettings(
                configuration: sources.file?.producers[name] ?? [:], own: try sources.values(ofProducer: name),
                common: common)
        }
        self.producers = producers
        mentions = sources.file?.mentions ?? []
        configurationPath = sources.file?.path
    }

    package subscript<Value>(row: Setting<Value>) -> Value {
        guard let value = values[row.name] as? Value else { preconditionFailure("\(row.name) is not in the table") }
        return value
    }

    package subscript<Value>(dynamicMember path: KeyPath<SettingRows, Setting<Value>>) -> Value {
        self[SettingRows.server[keyPath: path]]
    }

    /// What `host->config` answers, by producer and key.
    package var producerConfigurations: [String: [String: String]] { producers.mapValues(\.configuration) }

    func isSame(_ row: any SettingRow, in other: Settings) -> Bool {
        row.areEqual(values[row.name], other.values[row.name])
    }

    mutating func keep(_ row: any SettingRow, of other: Settings) { values[row.name] = other.values[row.name] }

    /// A line for each producer that the configuration file names and that no loaded plugin has: probably a typing
    /// error, but the plugin may still come.
    /// - Parameter loaded: the producers that are served, with their plugins.
    package func warnings(loaded: [(plugin: String, producer: String)]) -> [String] {
        mentions.compactMap { mention in
            // Only what plugins read can be written for the producer of one plugin.
            let isPrecise = mention.section == ConfigurationFile.configurations
            let known = loaded.map(\.producer) + (isPrecise ? loaded.map { "\($0.plugin)/\($0.producer)" } : [])
            guard !known.contains(mention.producer) else { return nil }
            return "\(mention.place): \(mention.section): no loaded plugin has a producer '\(mention.producer)'"
                + Suggestion.text(for: mention.producer, among: known)
        }
    }
}
