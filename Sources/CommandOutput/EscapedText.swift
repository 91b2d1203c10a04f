/// Text that may come from anywhere, written so that it ends where it should.
package enum EscapedText {
    /// The text between quotes, as a string of JSON or Swift.
    package static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars { append(scalar, to: &quoted) }
        return quoted + "\""
    }

    /// The text with escapes for what a terminal would act on, line ends included.
    package static func printable(_ line: String) -> String { printable(line, keeping: []) }

    /// The same of a text of several lines.
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

    /// As RFC 8259 wants it in a string; DEL too, which terminals act on.
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
