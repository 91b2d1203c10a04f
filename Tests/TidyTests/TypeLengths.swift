/// Counts the lines of types over all of their files: declarations and extensions, including nested types.
///
/// It relies on the formatter: a declaration at the top level begins in the first column, and so does the brace that
/// closes it.
struct TypeLengths {
    struct Part: Equatable {
        let file: String
        /// The outermost type: "Reloader" for `extension Reloader.Report`.
        let type: String
        let isExtension: Bool
        let lines: Int
    }

    /// A declaration that is never closed.
    struct Unclosed: Error, CustomStringConvertible {
        let file: String
        let line: Int
        var description: String { "\(file):\(line): no line in the first column closes this declaration" }
    }

    /// By "Target.Type".
    private(set) var parts: [String: [Part]] = [:]

    /// - Parameter files: with paths such as "Sources/Target/File.swift".
    init(_ files: [(path: String, lines: [Substring])]) throws {
        let all = try files.flatMap { try Self.parts(of: $0.path, $0.lines) }
        let declaring = Dictionary(grouping: all.filter { !$0.isExtension }, by: \.type)
            .mapValues { Set($0.map { Self.target(of: $0.file) }) }
        for part in all {
            let own = Self.target(of: part.file)
            let targets = declaring[part.type] ?? []
            // An extension in another target counts for the type's own target, if that is known.
            let target = targets.contains(own) || targets.count != 1 ? own : targets.first!
            parts["\(target).\(part.type)", default: []].append(part)
        }
    }

    func lines(of type: String) -> Int { parts[type, default: []].reduce(0) { $0 + $1.lines } }

    /// The types with more lines than the limit, each with its files.
    func over(_ limit: Int) -> [String] {
        parts.keys.filter { lines(of: $0) > limit }.sorted().map { type in
            let files = parts[type, default: []].map { "\($0.file) (\($0.lines))" }
            return "\(type) has \(lines(of: type)) lines: \(files.joined(separator: ", "))"
        }
    }

    private static func target(of path: String) -> String {
        let steps = path.split(separator: "/")
        return steps.count > 1 ? String(steps[1]) : path
    }

    private static func parts(of path: String, _ lines: [Substring]) throws -> [Part] {
        let declaration =
            #/
            ^(?:@\w+(?:\([^)]*\))?\ )*
            (?:(?:public|package|internal|fileprivate|private|final|open|indirect|nonisolated|distributed)(?:\(\w+\))?\ )*
            (struct|class|enum|actor|protocol|extension)\ (\[?\w+)
            /#
        var parts: [Part] = []
        var index = 0
        while index < lines.count {
            defer { index += 1 }
            guard let match = lines[index].firstMatch(of: declaration) else { continue }
            let start = index
            if !isClosed(lines[index]) {
                index += 1
                while index < lines.count, lines[index].first != "}" { index += 1 }
                guard index < lines.count else { throw Unclosed(file: path, line: start + 1) }
            }
            parts.append(
                Part(
                    file: path, type: String(match.output.2), isExtension: match.output.1 == "extension",
                    lines: index - start + 1))
        }
        return parts
    }

    /// Whether a declaration is on one line: `struct Nothing {}`.
    private static func isClosed(_ line: Substring) -> Bool {
        let opening = line.count { $0 == "{" }
        return opening > 0 && opening == line.count { $0 == "}" }
    }
}
