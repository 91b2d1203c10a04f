/// A place where a signature cannot be parsed.
package struct SignatureError: Error, Sendable, Equatable {
    /// What was expected there.
    package let message: String
    /// The place, in UTF-8 bytes from the start of `text`.
    package let offset: Int
    /// The whole signature as written.
    package let text: String

    package init(message: String, offset: Int, text: String) {
        self.message = message
        self.offset = offset
        self.text = text
    }

    /// Two lines: the signature, and a `^` below the place.
    package var caret: String {
        let before = String(decoding: text.utf8.prefix(offset), as: UTF8.self).unicodeScalars.count
        return oneLine + "\n" + String(repeating: " ", count: before) + "^"
    }

    /// The signature with a blank for each control character, so that it is one line and its columns stay the same.
    private var oneLine: String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
    }
}

extension SignatureError: CustomStringConvertible {
    /// One line: `parameters: expected a type after ':' at column 9 of "symbol: strr"`.
    package var description: String { "parameters: \(place)" }

    /// The same without `parameters: `.
    package var place: String { "\(message) at column \(offset + 1) of \"\(oneLine)\"" }
}
