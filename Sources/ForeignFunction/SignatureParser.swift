/// Reads the typed parameters of a producer; stops at the first place that it cannot read.
struct SignatureParser {
    private var scanner: SignatureScanner

    init(_ text: String) { scanner = SignatureScanner(text) }

    mutating func parseParameters() throws(SignatureError) -> [Signature.Parameter] {
        var parameters: [Signature.Parameter] = []
        scanner.skipBlanks()
        while !scanner.isAtEnd || !parameters.isEmpty {
            let start = scanner.position
            let parameter = try parseParameter(after: parameters.last)
            guard !parameters.contains(where: { $0.name == parameter.name }) else {
                throw scanner.error("a second parameter is named '\(parameter.name)'", at: start)
            }
            guard parameters.count < Signature.parameterCountMax else {
                throw scanner.error("expected at most \(Signature.parameterCountMax) parameters", at: start)
            }
            parameters.append(parameter)
            scanner.skipBlanks()
            if scanner.isAtEnd { break }
            guard scanner.take(",") else {
                let tail =
                    parameter.defaultValue == nil && !parameter.isOptional ? "'=', ',' or the end" : "',' or the end"
                throw scanner.error("expected \(tail) after parameter '\(parameter.name)'")
            }
            scanner.skipBlanks()
        }
        return parameters
    }

    /// `name: type [= default]`.
    private mutating func parseParameter(after previous: Signature.Parameter?) throws(SignatureError)
        -> Signature.Parameter
    {
        let name = scanner.word()
        guard let first = name.utf8.first, !SignatureScanner.isDigit(first) else {
            throw scanner.error(
                "expected a parameter's name (letters, digits and '_')" + (previous == nil ? "" : " after ','"),
                at: scanner.position - name.utf8.count)
        }
        scanner.skipBlanks()
        guard scanner.take(":") else { throw scanner.error("expected ':' after '\(name)'") }
        scanner.skipBlanks()
        let start = scanner.position
        guard let type = ValueType(rawValue: scanner.word()), type.isParameter else {
            throw scanner.error("expected a type after ':'", at: start)
        }
        let mark = scanner.position
        let isOptional = scanner.take("?")
        guard !isOptional || type == .str else { throw scanner.error("only str can be optional", at: mark) }
        scanner.skipBlanks()
        let equals = scanner.position
        guard scanner.take("=") else {
            return Signature.Parameter(name: name, type: type, isOptional: isOptional, defaultValue: nil)
        }
        guard !isOptional else { throw scanner.error("an optional parameter has no default", at: equals) }
        scanner.skipBlanks()
        let value = try type == .str ? parseText() : parsePlain(type)
        return Signature.Parameter(name: name, type: type, isOptional: false, defaultValue: value)
    }

    /// A default that is not text: all up to the next blank or comma.
    private mutating func parsePlain(_ type: ValueType) throws(SignatureError) -> Value {
        let start = scanner.position
        let plain = scanner.run { $0 != UInt8(ascii: ",") && !SignatureScanner.isBlank($0) }
        guard let value = type.parse(plain) else {
            throw scanner.error("expected \(type.expectation) after '='", at: start)
        }
        return value
    }

    private mutating func parseText() throws(SignatureError) -> Value {
        let start = scanner.position
        guard scanner.take("\"") else { throw scanner.error("expected a text in double quotes after '='") }
        var content: [UInt8] = []
        while let byte = scanner.takeByte() {
            switch byte {
            case UInt8(ascii: "\""): return .str(String(decoding: content, as: UTF8.self))
            case UInt8(ascii: "\\"): content.append(try parseEscape())
            case 0: throw scanner.error("expected \(ValueType.str.expectation)", at: scanner.position - 1)
            default: content.append(byte)
            }
        }
        throw scanner.error("expected a '\"' that ends the text", at: start)
    }

    private mutating func parseEscape() throws(SignatureError) -> UInt8 {
        let start = scanner.position - 1
        switch scanner.takeByte() ?? 0 {
        case let byte where byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\"): return byte
        case UInt8(ascii: "n"): return UInt8(ascii: "\n")
        case UInt8(ascii: "t"): return UInt8(ascii: "\t")
        default: throw scanner.error("expected \\\", \\\\, \\n or \\t", at: start)
        }
    }
}
