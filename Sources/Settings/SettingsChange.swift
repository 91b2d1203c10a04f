/// The difference between the settings of a running server and the current values of their sources.
package struct SettingsChange: Sendable {
    /// The settings to use from now on.
    package let settings: Settings
    /// The names of the settings that change.
    package let changed: [String]
    /// The names of the settings that have a new value but need a restart.
    package let fixed: [String]

    package init(from old: Settings, to new: Settings) {
        var settings = new
        var changed: [String] = []
        var fixed: [String] = []
        for row in new.table.rows where !new.isSame(row, in: old) {
            if row.needsRestart {
                fixed.append(row.name)
                settings.keep(row, of: old)
            } else {
                changed.append(row.name)
            }
        }
        changed += new.table.sections.filter { Self.differs($0, old, new) }
        if let row = new.table.listeners, !fixed.contains(row.name), Self.listenersDiffer(old, new) {
            changed.append(row.name)
        }
        if Self.configurations(of: old) != Self.configurations(of: new) {
            changed.append(ConfigurationFile.configurations)
        }
        self.settings = settings
        self.changed = changed
        self.fixed = fixed
    }

    /// Whether a section has other values for some producer.
    private static func differs(_ section: String, _ old: Settings, _ new: Settings) -> Bool {
        Set(old.producers.keys).union(new.producers.keys).contains { name in
            new.table.rows(of: section).contains { row in
                !row.areEqual(old.producers[name]?.own[row.name], new.producers[name]?.own[row.name])
            }
        }
    }

    /// Whether a listener has other values of its own.
    private static func listenersDiffer(_ old: Settings, _ new: Settings) -> Bool {
        zip(old.listeners, new.listeners).contains { old, listener in
            new.table.listenerRows.contains { !$0.areEqual(old.own[$0.name], listener.own[$0.name]) }
        }
    }

    /// The keys that plugins read, without producers that have none.
    private static func configurations(of settings: Settings) -> [String: [String: String]] {
        settings.producerConfigurations.filter { !$0.value.isEmpty }
    }
}
