/// The sources of a setting's value, and their precedence.
package struct SettingSources: Sendable {
    package let table: SettingTable
    /// The flags on the command line, by name.
    package let flags: [String: String]
    /// The environment variables, by name.
    package let environment: [String: String]
    package var file: ConfigurationFile?
    /// Defaults that differ from the table's, by name.
    package let defaults: [String: String]

    package init(
        table: SettingTable = .server, flags: [String: String], environment: [String: String],
        file: ConfigurationFile? = nil, defaults: [String: String] = [:]
    ) {
        self.table = table
        self.flags = flags
        self.environment = environment
        self.file = file
        self.defaults = defaults
    }

    package subscript<Value>(row: Setting<Value>) -> Value {
        get throws(SettingError) { try value(row) as? Value ?? row.initialValue }
    }

    /// The value from the first source that has one, or the default.
    func value(_ row: any SettingRow) throws(SettingError) -> any Sendable {
        if let text = flags[row.name] { return try row.value(of: text, at: "--\(row.name)") }
        if let text = environment[row.variable] { return try row.value(of: text, at: row.variable) }
        if let file, let entry = file.settings[row.name] { return try file.value(of: row, in: entry) }
        guard let text = defaults[row.name], !isMainSet(ofFamilyOf: row) else { return row.initial }
        return try row.value(of: text, at: "the default of \(row.name)")
    }

    /// Where a setting's value is from, in the form used by error messages; `nil`: it is the default.
    func place(of row: any SettingRow) -> String? {
        if flags[row.name] != nil { return "--\(row.name)" }
        if environment[row.variable] != nil { return row.variable }
        guard let file, let entry = file.settings[row.name] else { return nil }
        return file.place(of: row, in: entry)
    }

    /// Whether the configuration file has the last word about a setting.
    func isOfFile(_ row: any SettingRow) -> Bool { flags[row.name] == nil && environment[row.variable] == nil }

    /// Whether a source sets the main setting of a row's family, its first one. The defaults of the others go with the
    /// default of that one.
    private func isMainSet(ofFamilyOf row: any SettingRow) -> Bool {
        guard let family = SettingTable.family(of: row.name),
            let main = table.rows.first(where: { SettingTable.family(of: $0.name) == family })
        else { return false }
        return (flags[main.name] ?? environment[main.variable] ?? file?.settings[main.name]?.text) != nil
    }

    /// The configuration file's values for one producer alone, by name.
    func values(ofProducer name: String) throws(SettingError) -> [String: any Sendable] {
        var values: [String: any Sendable] = [:]
        guard let file else { return values }
        for section in table.sections {
            for (name, entry) in file.sections[section]?[name] ?? [:] {
                if let row = table[name] { values[name] = try file.value(of: row, in: entry) }
            }
        }
        return values
    }

    /// The configuration file's values for single listeners, by name, in the order of the addresses; none if the
    /// addresses come from another source.
    func valuesOfListeners() throws(SettingError) -> [[String: any Sendable]] {
        guard let file, let row = table.listeners, isOfFile(row) else { return [] }
        var listeners: [[String: any Sendable]] = []
        for entries in file.listeners {
            var values: [String: any Sendable] = [:]
            for (name, entry) in entries {
                if let row = table[name] { values[name] = try file.value(of: row, in: entry) }
            }
            listeners.append(values)
        }
        return listeners
    }
}
