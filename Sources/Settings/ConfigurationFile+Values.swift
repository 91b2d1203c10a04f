import Yams

/// How the file writes the values of settings.
extension ConfigurationFile {
    /// Reads what one key of a mapping sets: a setting or, below the name of a family, several.
    /// - Parameters:
    ///   - place: where the mapping is, for messages: "hubs: tail: ".
    ///   - found: receives the entries, by the setting's name.
    /// - Returns: `false` if no row has the key's name.
    func read(
        _ key: Node, _ value: Node, among rows: [any SettingRow], in place: String, into found: inout [String: Entry]
    ) throws(SettingError) -> Bool {
        let name = key.string ?? ""
        let main = rows.first { $0.name == name }
        let isFamily = SettingTable.families.contains(name)
        if let row = main, value.mapping == nil || row.hasPairs || !isFamily {
            try add(value, of: row, at: place + name, line: key.mark?.line ?? 0, to: &found)
            return true
        }
        let family = rows.filter { $0.name.hasPrefix(name + "-") }
        guard isFamily, !family.isEmpty else { return false }
        for (key, value) in try entries(of: value, what: "the settings of '\(name)'") {
            let row = family.first { $0.name == "\(name)-\(key.string ?? "")" }
            guard let row = row ?? (key.string == SettingTable.mode ? main : nil) else {
                let known =
                    (main == nil ? [] : [SettingTable.mode]) + family.map { String($0.name.dropFirst(name.count + 1)) }
                throw unknown(key, in: "\(place)\(name): ", known: known)
            }
            try add(
                value, of: row, at: "\(place)\(name): \(key.string ?? "")", line: key.mark?.line ?? 0, to: &found)
        }
        return true
    }

    func unknown(_ key: Node, in place: String, known: [String]) -> SettingError {
        problem(
            key.mark?.line, "\(place)unknown key '\(key.string ?? "")'; expected " + known.joined(separator: ", "))
    }

    private func add(
        _ value: Node, of row: any SettingRow, at place: String, line: Int, to found: inout [String: Entry]
    ) throws(SettingError) {
        if let other = found[row.name] {
            throw problem(line, "\(place): \(row.name) is already set in line \(other.line)")
        }
        found[row.name] = Entry(text: try text(of: value, of: row, at: place, line: line), line: line)
    }

    /// The value as text, in the form of the command line: the values of a list are separated by commas.
    private func text(
        of value: Node, of row: any SettingRow, at place: String, line: Int
    ) throws(SettingError) -> String {
        if let text = value.scalar?.string { return text }
        guard row.isList else { throw problem(line, "\(place): expected a single value") }
        if row.hasPairs, value.mapping != nil { return try pairs(of: value, at: place) }
        guard let items = value.sequence else {
            throw problem(line, "\(place): expected one value or a list of values")
        }
        var texts: [String] = []
        for item in items { texts.append(try part(item, at: place)) }
        return texts.joined(separator: ",")
    }

    /// A mapping as a list of pairs; a name with several values is in several of them.
    private func pairs(of mapping: Node, at place: String) throws(SettingError) -> String {
        var texts: [String] = []
        for (key, value) in try entries(of: mapping, what: place) {
            let name = key.string ?? ""
            for item in value.sequence.map(Array.init) ?? [value] {
                texts.append("\(name)=\(try part(item, at: "\(place): \(name)"))")
            }
        }
        return texts.joined(separator: ",")
    }

    /// A single value that becomes a part of a list.
    private func part(_ value: Node, at place: String, without separators: String = ",") throws(SettingError) -> String
    {
        guard let text = value.scalar?.string else {
            throw problem(value.mark?.line, "\(place): expected a single value")
        }
        guard !text.contains(where: separators.contains) else {
            throw problem(
                value.mark?.line, "\(place): '\(text)' can't contain a comma" + (separators == "," ? "" : " or a blank")
            )
        }
        return text
    }

    /// Reads the listeners: each is an address, or a mapping of an address, its options, and settings for it alone.
    mutating func readListeners(_ value: Node, at line: Int, _ table: SettingTable) throws(SettingError) {
        guard let row = table.listeners else { return }
        var texts: [String] = []
        for item in value.sequence.map(Array.init) ?? [value] {
            if let text = item.scalar?.string {
                // On the command line and here, one text can have several addresses.
                listeners += text.split(separator: ",").map { _ in [:] }
                texts.append(text)
                continue
            }
            var words: [String] = []
            var own: [String: Entry] = [:]
            for (key, value) in try entries(of: item, what: "the settings of a listener") {
                let name = key.string ?? ""
                if name == Self.address {
                    words.insert(try part(value, at: "\(row.name): \(name)", without: ", "), at: 0)
                } else if ListenAddress.options.contains(name) {
                    words.append("\(name)=\(try part(value, at: "\(row.name): \(name)", without: ", "))")
                } else if try !read(key, value, among: table.listenerRows, in: "\(row.name): ", into: &own) {
                    let known = [Self.address] + ListenAddress.options + table.listenerRows.map(\.name)
                    throw unknown(key, in: "\(row.name): ", known: known)
                }
            }
            guard words.first?.contains("=") == false else {
                throw problem(item.mark?.line, "\(row.name): a listener needs an address: 'address: 127.0.0.1:8080'")
            }
            texts.append(words.joined(separator: " "))
            listeners.append(own)
        }
        settings[row.name] = Entry(text: texts.joined(separator: ","), line: line)
    }

    private static let address = "address"
}
