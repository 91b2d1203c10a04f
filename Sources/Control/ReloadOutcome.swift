package import CommandOutput

/// What a reload did with the settings and the plugins. It is the answer to `sluice reload`, in JSON. These keys keep
/// their names and meanings, and any of them can be missing.
package struct ReloadOutcome: Codable, Sendable, Equatable {
    @OrNull package var loaded: [String]?
    @OrNull package var replaced: [String]?
    @OrNull package var removed: [String]?
    @OrNull package var renamed: [String]?
    @OrNull package var unchanged: Int?
    /// One line each.
    @OrNull package var refusals: [String]?
    /// Settings that have a new value.
    @OrNull package var changedSettings: [String]?
    /// Settings whose new value needs a restart.
    @OrNull package var fixedSettings: [String]?

    package init(
        loaded: [String] = [], replaced: [String] = [], removed: [String] = [], renamed: [String] = [],
        unchanged: Int = 0, refusals: [String] = [], changedSettings: [String] = [], fixedSettings: [String] = []
    ) {
        self.loaded = loaded
        self.replaced = replaced
        self.removed = removed
        self.renamed = renamed
        self.unchanged = unchanged
        self.refusals = refusals
        self.changedSettings = changedSettings
        self.fixedSettings = fixedSettings
    }

    /// For people: a line for each kind of change, and one for each refusal.
    package var text: String {
        var lines: [String] = []
        func add(_ title: String, _ names: [String]?, _ remark: String = "") {
            guard let names, !names.isEmpty else { return }
            let padding = String(repeating: " ", count: 11 - title.count)
            lines.append("\(title)\(padding)\(names.joined(separator: ", "))\(remark)")
        }
        add("loaded", loaded)
        add("replaced", replaced)
        add("removed", removed)
        add("renamed", renamed)
        add("settings", changedSettings)
        add("restart", fixedSettings, ": take effect when the server is restarted")
        lines.append("unchanged  \(unchanged ?? 0)")
        for refusal in refusals ?? [] { add("refused", [refusal]) }
        // The texts come from plugins and must not be able to control the terminal.
        return lines.map { EscapedText.printable($0) }.joined(separator: "\n") + "\n"
    }
}
