import Glibc
import SystemCalls
import Yams

/// `sluice.yaml`: settings under the names of their flags, and optional sections for single producers.
///
///     max-streams: 20000
///     producers:
///       tail:
///         root: /var/log
///     hubs:
///       tail:
///         linger: 1m
///     cors:
///       origins: [https://app.example.com]
package struct ConfigurationFile: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package let text: String
        /// From 1.
        package let line: Int
    }

    /// A producer named in a section.
    struct Mention: Sendable, Equatable {
        let section: String
        let producer: String
        /// The file and the line, in the form used by error messages.
        let place: String
    }

    package static let defaultPath = "sluice.yaml"
    /// The section with the keys that plugins read.
    static let configurations = "producers"
    /// Larger than any real configuration. Without a limit, a wrong path (a log, a device) would be read to its end.
    private static let sizeMaxBytes = 1 << 20

    /// The path used in error messages.
    package let path: String
    package internal(set) var settings: [String: Entry] = [:]
    /// The keys that plugins read, by producer, then by key. Every scalar is kept as the text in the file.
    package private(set) var producers: [String: [String: String]] = [:]
    /// Settings of single producers, by section, then by producer, then by name.
    private(set) var sections: [String: [String: [String: Entry]]] = [:]
    /// Settings of single listeners, by the setting's name, in the order of the addresses that `listen` has.
    var listeners: [[String: Entry]] = []
    private(set) var mentions: [Mention] = []

    /// Reads and checks a file.
    /// - Parameters:
    ///   - path: the path used in error messages.
    ///   - location: where to read the file, if not at `path`.
    package init(path: String, at location: String? = nil, table: SettingTable = .server) throws(SettingError) {
        try self.init(parsing: Self.read(location ?? path, as: path), path: path, table: table)
    }

    /// - Parameter path: the path used in error messages.
    package init(parsing text: String, path: String, table: SettingTable = .server) throws(SettingError) {
        self.path = path
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            let (line, what) = error.place(in: text)
            throw problem(line, what)
        } catch {
            throw problem(nil, "\(error)")
        }
        for (key, value) in try entries(of: root, what: "settings") {
            let (name, line) = (key.string ?? "", key.mark?.line ?? 0)
            if name == Self.configurations {
                try readConfigurations(value)
            } else if table.sections.contains(name) {
                try readSection(name, value, table)
            } else if name == table.listeners?.name {
                try readListeners(value, at: line, table)
            } else if try !read(key, value, among: table.rows, in: "", into: &settings) {
                let known = table.names + [Self.configurations] + table.sections + SettingTable.families
                throw problem(
                    line,
                    "unknown key '\(name)'"
                        + Suggestion.text(for: name, among: known, otherwise: "; sluice serve --help lists all"))
            }
        }
    }

    /// - Throws: an error with the place of the entry and what is expected there.
    func value(of row: any SettingRow, in entry: Entry) throws(SettingError) -> any Sendable {
        try row.value(of: entry.text, at: place(of: row, in: entry))
    }

    /// The file and the line, in the form used by error messages.
    func place(of row: any SettingRow, in entry: Entry) -> String { "\(path):\(entry.line): \(row.name)" }

    func problem(_ line: Int?, _ what: String) -> SettingError {
        SettingError("\(path):" + (line.map { "\($0):" } ?? "") + " " + what)
    }

    /// The keys and values of a mapping; none for an empty file or section.
    func entries(of node: Node?, what: String) throws(SettingError) -> [(key: Node, value: Node)] {
        guard let node, node.scalar?.string.isEmpty != true else { return [] }
        guard let mapping = node.mapping else {
            throw problem(node.mark?.line, "expected \(what) as 'name: value' lines")
        }
        for (key, _) in mapping where key.scalar == nil {
            throw problem(key.mark?.line, "expected a name before ':'")
        }
        return mapping.map { ($0.key, $0.value) }
    }

    private mutating func mention(_ producer: Node, in section: String) -> String {
        let name = producer.string ?? ""
        mentions.append(
            Mention(section: section, producer: name, place: path + (producer.mark.map { ":\($0.line)" } ?? "")))
        return name
    }

    private mutating func readConfigurations(_ node: Node) throws(SettingError) {
        for (producer, section) in try entries(of: node, what: Self.configurations) {
            let producer = mention(producer, in: Self.configurations)
            var texts: [String: String] = [:]
            for (key, value) in try entries(of: section, what: "the section of producer '\(producer)'") {
                let place = "\(Self.configurations): \(producer): \(key.string ?? "")"
                guard let name = key.string, let text = value.scalar?.string else {
                    throw problem(key.mark?.line, "\(place): expected a single value")
                }
                guard !name.utf8.contains(0) else {
                    throw problem(
                        key.mark?.line,
                        "\(Self.configurations): \(producer): a key is not valid: expected text without a NUL character"
                    )
                }
                guard !text.utf8.contains(0) else {
                    throw problem(key.mark?.line, "\(place) is not valid: expected text without a NUL character")
                }
                texts[name] = text
            }
            producers[producer] = texts
        }
    }

    private mutating func readSection(
        _ section: String, _ node: Node, _ table: SettingTable
    ) throws(SettingError) {
        let rows = table.rows(of: section)
        for (producer, values) in try entries(of: node, what: section) {
            let producer = mention(producer, in: section)
            var found: [String: Entry] = [:]
            for (key, value) in try entries(of: values, what: "the section of producer '\(producer)' in '\(section)'") {
                guard try read(key, value, among: rows, in: "\(section): \(producer): ", into: &found) else {
                    throw unknown(key, in: "\(section): \(producer): ", known: rows.map(\.name))
                }
            }
            sections[section, default: [:]][producer] = found
        }
    }

    private static func read(_ location: String, as path: String) throws(SettingError) -> String {
        let unreadable = { (code: Int32) in SettingError("\(path): \(systemError(code))") }
        let descriptor = open(location, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(errno) }
            if count == 0 { break }
            bytes += chunk[..<count]
            guard bytes.count <= sizeMaxBytes else { throw SettingError("\(path): expected at most 1 MiB") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SettingError("\(path): expected UTF-8 text")
        }
        return text
    }
}
