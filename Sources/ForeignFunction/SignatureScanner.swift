/// Reads a signature from left to right, byte by byte: the part that its grammars have in common.
struct SignatureScanner {
    let text: String
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    var isAtEnd: Bool { position == bytes.count }

    /// The byte here; `nil` at the end.
    var next: UInt8? { isAtEnd ? nil : bytes[position] }

    /// The longest run of letters, digits and `_` from here.
    mutating func word() -> String { run(while: Self.isWord) }

    /// The longest run of bytes from here for which `isWanted` returns `true`, and after which no `end` follows.
    mutating func run(upTo end: String? = nil, while isWanted: (UInt8) -> Bool) -> String {
        let start = position
        while let byte = next, isWanted(byte), !(end.map(isBefore) ?? false) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// Whether this text comes next.
    func isBefore(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    mutating func take(_ text: String) -> Bool {
        guard isBefore(text) else { return false }
        position += text.utf8.count
        return true
    }

    /// Takes a word, if it comes next as a whole.
    mutating func take(word: String) -> Bool {
        var ahead = self
        guard ahead.word() == word else { return false }
        self = ahead
        return true
    }

    /// - Returns: the byte that was here; `nil` at the end.
    mutating func takeByte() -> UInt8? {
        defer { if !isAtEnd { position += 1 } }
        return next
    }

    mutating func skipBlanks() {
        while let byte = next, Self.isBlank(byte) { position += 1 }
    }

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
            || byte == UInt8(ascii: "\r")
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
            || byte == UInt8(ascii: "_")
    }

    /// - Parameter offset: the place; by default, here.
    func error(_ message: String, at offset: Int? = nil) -> SignatureError {
        SignatureError(message: message, offset: offset ?? position, text: text)
    }
}
