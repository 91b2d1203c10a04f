/// What the operator has decided for one producer: the settings that hold for it, and the keys that its plugin reads.
///
/// A setting is read by its row's name, as in `Settings`: `producer.linger` is what the configuration file says for
/// this producer, or else what holds for all. Only a setting that has a section in the file (`SettingRow.section`)
/// can be asked for.
@dynamicMemberLookup
package struct ProducerSettings: Sendable {
    /// What `host->config` answers, by key.
    package let configuration: [String: String]
    /// By the setting's name: what the file says for this producer alone.
    let own: [String: any Sendable]
    /// By the setting's name: what holds for all.
    let common: [String: any Sendable]

    package subscript<Value>(row: Setting<Value>) -> Value {
        guard let value = (own[row.name] ?? common[row.name]) as? Value else {
            preconditionFailure("no producer has a setting \(row.name) of its own")
        }
        return value
    }

    package subscript<Value>(dynamicMember path: KeyPath<SettingRows, Setting<Value>>) -> Value {
        self[SettingRows.server[keyPath: path]]
    }
}
