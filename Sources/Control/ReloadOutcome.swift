package import CommandOutput

/// What a reload did: to the settings, and to the plugins. What `sluice reload` is answered, in JSON; these keys keep
/// their names and meanings, and any may be missing.
package struct ReloadOutcome: Codable, Sendable, Equatable {
    @OrNull package var loaded: [String]?
    @OrNull package var replaced: [String]?
    @OrNull package var removed: [String]?
    @OrNull package var renamed: [String]?
    @OrNull package var unchanged: Int?
    /// One line each.
    @OrNull package var refusals: [String]?
    /// Settings that now have another value.
    @OrNull package var changedSettings: [String]?
    /// Settings that have another value in their source, but need a new start.
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
        add("not now", fixedSettings, ": needs a restart of the server")
        lines.append("unchanged  \(unchanged ?? 0)")
        for refusal in refusals ?? [] { add("refused", [refusal]) }
        // The texts are the plugins': none of them may drive the terminal.
        return lines.map { EscapedText.printable($0) }.joined(separator: "\n") + "\n"
    }
}
