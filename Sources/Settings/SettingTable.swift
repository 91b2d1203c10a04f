/// All settings, in the order in which the help lists them.
package struct SettingTable: Sendable {
    package let rows: [any SettingRow]
    private let byName: [String: any SettingRow]

    /// The server's settings.
    package static let server = SettingTable(SettingRows.server.all)

    package init(_ rows: [any SettingRow]) {
        self.rows = rows
        byName = Dictionary(rows.map { ($0.name, $0) }) { first, _ in
            preconditionFailure("two settings have the name \(first.name)")
        }
    }

    /// Groups of settings whose names begin with the same word. In the configuration file, they can be keys below that
    /// word: `cors: {max-age: 1h}` is the same as `cors-max-age: 1h`. A setting with the word itself as its name is the
    /// key `mode` there; it is none of the group, so that a single producer can set it alone.
    static let families = ["cors", "auth"]
    static let mode = "mode"

    static func family(of name: String) -> String? { families.first { name.hasPrefix($0 + "-") } }

    package var names: [String] { rows.map(\.name) }

    package func rows(in group: SettingGroup) -> [any SettingRow] { rows.filter { $0.group == group } }

    /// The settings that a section of the configuration file can set for a single producer.
    package func rows(of section: String) -> [any SettingRow] { rows.filter { $0.section == section } }

    /// The sections of the configuration file with settings of single producers, each once.
    package var sections: [String] {
        var sections: [String] = []
        for section in rows.compactMap(\.section) where !sections.contains(section) { sections.append(section) }
        return sections
    }

    /// The addresses to listen on, each of which can have settings of its own; `nil` if the table has none.
    var listeners: (any SettingRow)? { self[SettingRows.server.listen.name] }

    /// The settings that the configuration file can set for a single listener.
    package var listenerRows: [any SettingRow] { rows.filter(\.isPerListener) }

    package subscript(name: String) -> (any SettingRow)? { byName[name] }
}
