/// A JSON value; an object keeps the order of its members.
enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    /// Finite.
    case real(Double)
    case text(String)
    case array([JSONValue])
    case object([(name: String, value: JSONValue)])

    static func texts(_ texts: [String]) -> JSONValue { .array(texts.map(JSONValue.text)) }

    // MARK: Reading

    /// The member of an object, if this is one that has it; the first of several.
    subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .real(let value): value
        default: nil
        }
    }
    /// Empty for what is no array.
    var elements: [JSONValue] { if case .array(let values) = self { values } else { [] } }

    static func == (one: JSONValue, other: JSONValue) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.integer(let one), .integer(let other)): one == other
        case (.real(let one), .real(let other)): one == other
        case (.text(let one), .text(let other)): one == other
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)):
            one.elementsEqual(other) { $0.name == $1.name && $0.value == $1.value }
        default: false
        }
    }

    // MARK: Writing

    /// On many lines, for people; two spaces deeper for each level.
    func pretty(indent: String = "") -> String {
        let inner = indent + "  "
        let (open, lines, close): (String, [String], String) =
            switch self {
            case .null: ("null", [], "")
            case .bool(let value): (value ? "true" : "false", [], "")
            case .integer(let value): ("\(value)", [], "")
            case .real(let value): ("\(value)", [], "")
            case .text(let text): (Self.quoted(text), [], "")
            case .array(let values): ("[", values.map { $0.pretty(indent: inner) }, "]")
            case .object(let members):
                ("{", members.map { Self.quoted($0.name) + ": " + $0.value.pretty(indent: inner) }, "}")
            }
        if lines.isEmpty { return open + close }
        return open + "\n" + lines.map { inner + $0 }.joined(separator: ",\n") + "\n" + indent + close
    }

    /// On one line, for programs.
    func compact() -> String {
        switch self {
        case .null, .bool, .integer, .real, .text: pretty()
        case .array(let values): "[" + values.map { $0.compact() }.joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { Self.quoted($0.name) + ":" + $0.value.compact() }.joined(separator: ",") + "}"
        }
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
