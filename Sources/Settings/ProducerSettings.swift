/// The settings that apply to one producer, and the keys that its plugin reads.
///
/// A setting is read by its row's name, as in `Settings`: `producer.linger` is the configuration file's value for this
/// producer, or else the value for all. Only settings that have a section in the file (`SettingRow.section`) can be
/// read.
@dynamicMemberLookup
package struct ProducerSettings: Sendable {
    /// What `host->config` returns, by key.
    package let configuration: [String: String]
    /// The file's values for this producer alone, by the setting's name.
    let own: [String: any Sendable]
    /// The values for all producers, by the setting's name.
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
