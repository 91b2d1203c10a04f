/// The settings that apply to one producer or one listener.
///
/// A setting is read by its row's name, as in `Settings`: `producer.linger` is the configuration file's value for this
/// producer, or else the value for all. The settings of a family, such as `cors`, belong together: if the file sets one
/// of them for this producer, the others have their defaults. Only settings that the file can set for single producers
/// or listeners can be read.
@dynamicMemberLookup
package struct ScopedSettings: Sendable {
    /// The file's values for this producer or listener alone, by the setting's name.
    let own: [String: any Sendable]
    /// The values for all, by the setting's name.
    let common: [String: any Sendable]

    package subscript<Value>(row: Setting<Value>) -> Value {
        if let value = own[row.name] as? Value { return value }
        if let family = SettingTable.family(of: row.name), hasOwn(family) { return row.initialValue }
        guard let value = common[row.name] as? Value else {
            preconditionFailure("a single producer or listener has no setting \(row.name)")
        }
        return value
    }

    package subscript<Value>(dynamicMember path: KeyPath<SettingRows, Setting<Value>>) -> Value {
        self[SettingRows.server[keyPath: path]]
    }

    /// Whether the file sets this setting for this producer or listener alone.
    package func hasOwn<Value>(_ path: KeyPath<SettingRows, Setting<Value>>) -> Bool {
        own[SettingRows.server[keyPath: path].name] != nil
    }

    /// Whether the file sets one of the settings of a family for this producer or listener alone.
    package func hasOwn(_ family: String) -> Bool { own.keys.contains { SettingTable.family(of: $0) == family } }
}
