/// A JSON value to be written; an object keeps the order of its members.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case text(String)
    case array([JSONValue])
    case object([(name: String, value: JSONValue)])

    /// On many lines, for people; two spaces deeper for each level.
    func pretty(indent: String = "") -> String {
        let inner = indent + "  "
        let (open, lines, close): (String, [String], String) =
            switch self {
            case .null: ("null", [], "")
            case .bool(let value): (value ? "true" : "false", [], "")
            case .text(let text): (Self.quoted(text), [], "")
            case .array(let values): ("[", values.map { $0.pretty(indent: inner) }, "]")
            case .object(let members):
                ("{", members.map { Self.quoted($0.name) + ": " + $0.value.pretty(indent: inner) }, "}")
            }
        if lines.isEmpty { return open + close }
        return open + "\n" + lines.map { inner + $0 }.joined(separator: ",\n") + "\n" + indent + close
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars { appendEscaped(scalar, to: &quoted) }
        return quoted + "\""
    }

    /// As RFC 8259 wants it in a string; DEL too, which terminals act on.
    static func appendEscaped(_ scalar: Unicode.Scalar, to text: inout String) {
        switch scalar {
        case "\"": text += "\\\""
        case "\\": text += "\\\\"
        case "\n": text += "\\n"
        case "\r": text += "\\r"
        case "\t": text += "\\t"
        case "\0"..."\u{1f}", "\u{7f}":
            text += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        default: text.unicodeScalars.append(scalar)
        }
    }
}
