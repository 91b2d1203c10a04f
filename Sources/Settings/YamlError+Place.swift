import Yams

extension YamlError {
    /// The line, if one is to blame, and what is wrong there, in one line.
    func place(in text: String) -> (line: Int?, what: String) {
        switch self {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return (mark.line, "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            // The mark is that of the first of the two.
            let key = keys.min() ?? ""
            guard let second = Self.repetition(of: key, after: context.mark, in: text) else {
                return (context.mark.line, "duplicate key '\(key)'")
            }
            return (second, "duplicate key '\(key)', which is already in line \(context.mark.line)")
        case .reader(let problem, _, _, _): return (nil, "not YAML: \(problem)")
        default: return (nil, description.split(separator: "\n").joined(separator: " "))
        }
    }

    /// The next line that begins with the key, as deep as the first one; `nil` if there is none, as in `{a: 1, a: 2}`.
    private static func repetition(of key: String, after mark: Mark, in text: String) -> Int? {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let indent = String(repeating: " ", count: mark.column - 1)
        let index = lines.indices.dropFirst(mark.line).first { index in
            ["", "\"", "'"].contains { quote in
                let start = indent + quote + key + quote
                guard lines[index].hasPrefix(start) else { return false }
                return lines[index].dropFirst(start.count).drop { $0 == " " }.first == ":"
            }
        }
        return index.map { $0 + 1 }
    }
}
