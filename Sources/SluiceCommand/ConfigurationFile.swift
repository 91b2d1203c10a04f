import Files
import Glibc
import PluginHost
import Yams

/// `sluice.yaml`: settings under the names of their flags, and a section for each producer that wants one.
///
///     max-streams: 20000
///     producers:
///       tail:
///         root: /var/log
///     hubs:
///       tail:
///         linger: 1m
struct ConfigurationFile: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        let text: String
        /// From 1.
        let line: Int
    }

    static let defaultPath = "sluice.yaml"
    /// More than any sane configuration; keeps a wrong path (a log, a device) from being read whole.
    private static let sizeMaxBytes = 1 << 20

    /// As errors name it.
    let path: String
    let settings: [String: Entry]
    /// By producer, then by key; every scalar as the text that it was written as.
    let producers: [String: [String: String]]
    /// Settings of shared streams, by producer, then by key.
    let hubs: [String: [String: Entry]]

    /// Reads and checks a file.
    /// - Parameters:
    ///   - path: as errors shall name it.
    ///   - location: where it is, if that is not found by the path alone.
    ///   - insecure: also one that others could change: it may name programs that are run, and where code comes from.
    init(path: String, at location: String? = nil, insecure: Bool = false) throws(SettingError) {
        let location = location ?? path
        if !insecure, let objection = WriteAccess.ofThisProcess.objection(to: location, writtenAs: path) {
            throw SettingError("\(path): \(objection)")
        }
        try self.init(parsing: Self.read(location, as: path), path: path)
    }

    /// - Parameter path: as errors shall name it.
    init(parsing text: String, path: String) throws(SettingError) {
        let problem = { (line: Int?, what: String) in
            SettingError("\(path):" + (line.map { "\($0):" } ?? "") + " " + what)
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            let (line, what) = error.place
            throw problem(line, what)
        } catch {
            throw problem(nil, "\(error)")
        }

        var settings: [String: Entry] = [:]
        var producers: [String: [String: String]] = [:]
        var hubs: [String: [String: Entry]] = [:]
        for (key, value) in try Self.entries(of: root, what: "settings", problem) {
            let line = key.mark?.line ?? 0
            let name = key.string ?? ""
            if name == "producers" {
                for (producer, section) in try Self.entries(of: value, what: "producers", problem) {
                    let name = producer.string ?? ""
                    producers[name] = try Self.texts(of: section, in: name, problem)
                }
                continue
            }
            if name == "hubs" {
                for (producer, section) in try Self.entries(of: value, what: "hubs", problem) {
                    let name = producer.string ?? ""
                    hubs[name] = try Self.hubEntries(of: section, in: name, problem)
                }
                continue
            }
            guard SettingTable.keys.contains(name) else {
                throw problem(line, "unknown key '\(name)'" + Self.suggestion(for: name))
            }
            guard let text = value.scalar?.string else { throw problem(line, "\(name): expected a single value") }
            settings[name] = Entry(text: text, line: line)
        }
        self.path = path
        self.settings = settings
        self.producers = producers
        self.hubs = hubs
    }

    private typealias Problem = (_ line: Int?, _ what: String) -> SettingError

    /// The keys and values of a mapping; none for a file or section that holds nothing.
    private static func entries(of node: Node?, what: String, _ problem: Problem) throws(SettingError)
        -> [(key: Node, value: Node)]
    {
        guard let node, node.scalar?.string.isEmpty != true else { return [] }
        guard let mapping = node.mapping else {
            throw problem(node.mark?.line, "expected \(what) as 'name: value' lines")
        }
        for (key, _) in mapping where key.scalar == nil {
            throw problem(key.mark?.line, "expected a name before ':'")
        }
        return mapping.map { ($0.key, $0.value) }
    }

    private static func texts(of section: Node, in producer: String, _ problem: Problem) throws(SettingError)
        -> [String: String]
    {
        var texts: [String: String] = [:]
        for (key, value) in try entries(of: section, what: "the section of producer '\(producer)'", problem) {
            guard let name = key.string, let text = value.scalar?.string else {
                throw problem(key.mark?.line, "producers: \(producer): \(key.string ?? ""): expected a single value")
            }
            guard !name.utf8.contains(0), !text.utf8.contains(0) else {
                throw problem(key.mark?.line, "producers: \(producer): expected text without NUL")
            }
            texts[name] = text
        }
        return texts
    }

    private static func hubEntries(of section: Node, in producer: String, _ problem: Problem) throws(SettingError)
        -> [String: Entry]
    {
        var found: [String: Entry] = [:]
        for (key, value) in try entries(of: section, what: "the hub of producer '\(producer)'", problem) {
            guard let name = key.string, SettingTable.hubKeys.contains(name) else {
                throw problem(
                    key.mark?.line,
                    "hubs: \(producer): unknown key '\(key.string ?? "")'; expected "
                        + SettingTable.hubKeys.joined(separator: ", "))
            }
            guard let text = value.scalar?.string else {
                throw problem(key.mark?.line, "hubs: \(producer): \(name): expected a single value")
            }
            found[name] = Entry(text: text, line: key.mark?.line ?? 0)
        }
        return found
    }

    /// The known key that a wrong one was probably meant to be.
    private static func suggestion(for name: String) -> String {
        let nearest = (SettingTable.keys + ["producers", "hubs"]).map { ($0, editDistance(name, $0)) }.min {
            $0.1 < $1.1
        }
        guard let (key, distance) = nearest, distance <= 3 else { return "; sluice serve --help lists all" }
        return "; did you mean '\(key)'?"
    }

    private static func read(_ location: String, as path: String) throws(SettingError) -> String {
        let unreadable = { (code: Int32) in SettingError("\(path): \(String(cString: strerror(code)))") }
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

extension YamlError {
    /// The line, if one is to blame, and what is wrong there, in one line.
    fileprivate var place: (line: Int?, what: String) {
        switch self {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            (mark.line, "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            (context.mark.line, "more than once: " + keys.sorted().joined(separator: ", "))
        case .reader(let problem, _, _, _): (nil, "not YAML: \(problem)")
        default: (nil, description.split(separator: "\n").joined(separator: " "))
        }
    }
}

/// How many letters must be inserted, removed or replaced to make one word of the other.
private func editDistance(_ first: String, _ second: String) -> Int {
    let second = Array(second)
    var row = Array(0...second.count)
    for (index, letter) in first.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in 1...second.count {
            let replaced = diagonal + (letter == second[column - 1] ? 0 : 1)
            diagonal = row[column]
            row[column] = min(replaced, row[column] + 1, row[column - 1] + 1)
        }
    }
    return row[second.count]
}
