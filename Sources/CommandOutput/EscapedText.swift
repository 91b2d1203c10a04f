/// Escapes text from untrusted places.
package enum EscapedText {
    /// The text in quotes, as a string literal of JSON or Swift.
    package static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars { append(scalar, to: &quoted) }
        return quoted + "\""
    }

    /// The text with control characters escaped, including newlines.
    package static func printable(_ line: String) -> String { printable(line, keeping: []) }

    /// The same for a text of several lines: newlines are kept.
    package static func printableLines(_ text: String) -> String { printable(text, keeping: ["\n"]) }

    private static func printable(_ text: String, keeping kept: Set<Unicode.Scalar>) -> String {
        var printable = ""
        for scalar in text.unicodeScalars {
            if (scalar.value < 0x20 || scalar.value == 0x7f) && !kept.contains(scalar) {
                append(scalar, to: &printable)
            } else {
                printable.unicodeScalars.append(scalar)
            }
        }
        return printable
    }

    /// Escapes as RFC 8259 requires for strings, and also DEL, which terminals act on.
    package static func append(_ scalar: Unicode.Scalar, to text: inout String) {
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
