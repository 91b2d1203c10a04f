/// Reads a signature from left to right, byte by byte; stops at the first place that it cannot read.
struct SignatureParser {
    private let text: String
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    mutating func parseParameters() throws(SignatureError) -> [Signature.Parameter] {
        var parameters: [Signature.Parameter] = []
        skipBlanks()
        while position < bytes.count || !parameters.isEmpty {
            let start = position
            let parameter = try parseParameter(after: parameters.last)
            guard !parameters.contains(where: { $0.name == parameter.name }) else {
                throw error("a second parameter is named '\(parameter.name)'", at: start)
            }
            guard parameters.count < Signature.parameterCountMax else {
                throw error("expected at most \(Signature.parameterCountMax) parameters", at: start)
            }
            parameters.append(parameter)
            skipBlanks()
            if position == bytes.count { break }
            guard take(",") else {
                let tail =
                    parameter.defaultValue == nil && !parameter.isOptional ? "'=', ',' or the end" : "',' or the end"
                throw error("expected \(tail) after parameter '\(parameter.name)'", at: position)
            }
            skipBlanks()
        }
        return parameters
    }

    /// `name: type [= default]`.
    private mutating func parseParameter(after previous: Signature.Parameter?) throws(SignatureError)
        -> Signature.Parameter
    {
        let name = word()
        guard let first = name.utf8.first, !isDigit(first) else {
            throw error(
                "expected a parameter's name (letters, digits and '_')" + (previous == nil ? "" : " after ','"),
                at: position - name.utf8.count)
        }
        skipBlanks()
        guard take(":") else { throw error("expected ':' after '\(name)'", at: position) }
        skipBlanks()
        let start = position
        guard let type = ValueType(rawValue: word()) else { throw error("expected a type after ':'", at: start) }
        let mark = position
        let isOptional = take("?")
        guard !isOptional || type == .str else { throw error("only str can be optional", at: mark) }
        skipBlanks()
        let equals = position
        guard take("=") else {
            return Signature.Parameter(name: name, type: type, isOptional: isOptional, defaultValue: nil)
        }
        guard !isOptional else { throw error("an optional parameter has no default", at: equals) }
        skipBlanks()
        let value = try type == .str ? parseText() : parsePlain(type)
        return Signature.Parameter(name: name, type: type, isOptional: false, defaultValue: value)
    }

    /// A default that is not text: all up to the next blank or comma.
    private mutating func parsePlain(_ type: ValueType) throws(SignatureError) -> Value {
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: ","), !isBlank(bytes[position]) { position += 1 }
        guard let value = type.parse(String(decoding: bytes[start..<position], as: UTF8.self)) else {
            throw error("expected \(type.expectation) after '='", at: start)
        }
        return value
    }

    private mutating func parseText() throws(SignatureError) -> Value {
        let start = position
        guard take("\"") else { throw error("expected a text in double quotes after '='", at: position) }
        var content: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return .str(String(decoding: content, as: UTF8.self))
            case UInt8(ascii: "\\"): content.append(try parseEscape())
            case 0: throw error("expected \(ValueType.str.expectation)", at: position - 1)
            default: content.append(byte)
            }
        }
        throw error("expected a '\"' that ends the text", at: start)
    }

    private mutating func parseEscape() throws(SignatureError) -> UInt8 {
        let byte = position < bytes.count ? bytes[position] : 0
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return byte
        case UInt8(ascii: "n"): return UInt8(ascii: "\n")
        case UInt8(ascii: "t"): return UInt8(ascii: "\t")
        default: throw error("expected \\\", \\\\, \\n or \\t", at: position - 2)
        }
    }

    /// The longest run of letters, digits and `_` from here.
    private mutating func word() -> String {
        let start = position
        while position < bytes.count, isWord(bytes[position]) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks() {
        while position < bytes.count, isBlank(bytes[position]) { position += 1 }
    }

    private func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
            || byte == UInt8(ascii: "\r")
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
            || byte == UInt8(ascii: "_")
    }

    private func error(_ message: String, at offset: Int) -> SignatureError {
        SignatureError(message: message, offset: offset, text: text)
    }
}
