/// The sources of a setting's value, and their precedence.
package struct SettingSources: Sendable {
    package let table: SettingTable
    /// The flags on the command line, by name.
    package let flags: [String: String]
    /// The environment variables, by name.
    package let environment: [String: String]
    package var file: ConfigurationFile?

    package init(
        table: SettingTable = .server, flags: [String: String], environment: [String: String],
        file: ConfigurationFile? = nil
    ) {
        self.table = table
        self.flags = flags
        self.environment = environment
        self.file = file
    }

    package subscript<Value>(row: Setting<Value>) -> Value {
        get throws(SettingError) { try value(row) as? Value ?? row.initialValue }
    }

    /// The value from the first source that has one, or the default.
    func value(_ row: any SettingRow) throws(SettingError) -> any Sendable {
        if let text = flags[row.name] { return try row.value(of: text, at: "--\(row.name)") }
        if let text = environment[row.variable] { return try row.value(of: text, at: row.variable) }
        if let file, let entry = file.settings[row.name] { return try file.value(of: row, in: entry) }
        return row.initial
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
}
