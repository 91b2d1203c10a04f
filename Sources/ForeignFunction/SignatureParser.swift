/// Parses the typed parameters of a producer; stops at the first place that it cannot parse.
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
                throw scanner.error("two parameters are named '\(parameter.name)'", at: start)
            }
            guard parameters.count < Signature.parameterCountMax else {
                throw scanner.error("expected at most \(Signature.parameterCountMax) parameters", at: start)
            }
            parameters.append(parameter)
            scanner.skipBlanks()
            if scanner.isAtEnd { break }
            guard scanner.take(",") else {
                throw scanner.error("expected \(Self.tail(of: parameter)) after parameter '\(parameter.name)'")
            }
            scanner.skipBlanks()
        }
        return parameters
    }

    /// What may still follow what was parsed of a parameter.
    private static func tail(of parameter: Signature.Parameter) -> String {
        if parameter.defaultValue != nil || parameter.isOptional { return "',' or the end" }
        return (parameter.type.isNumber && parameter.range == nil ? "'in', " : "") + "'=', ',' or the end"
    }

    /// `name: type [in range] [= default]`.
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
        let range = try parseRange(type)
        scanner.skipBlanks()
        let equals = scanner.position
        guard scanner.take("=") else {
            return Signature.Parameter(name: name, type: type, isOptional: isOptional, range: range, defaultValue: nil)
        }
        guard !isOptional else { throw scanner.error("an optional parameter has no default", at: equals) }
        scanner.skipBlanks()
        let value = try type == .str ? parseText() : parsePlain(type, range)
        return Signature.Parameter(name: name, type: type, isOptional: false, range: range, defaultValue: value)
    }

    /// `in least...greatest`, of which one may be missing; the first three points separate them.
    private mutating func parseRange(_ type: ValueType) throws(SignatureError) -> ValueRange? {
        let mark = scanner.position
        guard scanner.take(word: "in") else { return nil }
        guard type.isNumber else { throw scanner.error("only numbers have a range", at: mark) }
        scanner.skipBlanks()
        let start = scanner.position
        let least = takeBound()
        guard scanner.take("...") else {
            throw scanner.error("expected a range after 'in': 1...10, 1... or ...10", at: start)
        }
        scanner.skipBlanks()
        let end = scanner.position
        let greatest = takeBound()
        guard !least.isEmpty || !greatest.isEmpty else {
            throw scanner.error("expected a bound before or after '...'", at: start)
        }
        let range = ValueRange(
            least: try bound(least, type, "before", at: start), greatest: try bound(greatest, type, "after", at: end))
        if let least = range.least, let greatest = range.greatest, !least.isAtMost(greatest) {
            throw scanner.error("the range ends below its start", at: start)
        }
        return range
    }

    /// Everything up to the next `...`, blank, comma or `=`; takes the blanks after it, too. May be empty.
    private mutating func takeBound() -> String {
        defer { scanner.skipBlanks() }
        return scanner.run(upTo: "...") {
            $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=") && !SignatureScanner.isBlank($0)
        }
    }

    private func bound(
        _ text: String, _ type: ValueType, _ place: String, at offset: Int
    ) throws(SignatureError) -> Value? {
        if text.isEmpty { return nil }
        guard let value = type.parse(text) else {
            throw scanner.error("expected \(type.expectation) \(place) '...'", at: offset)
        }
        return value
    }

    /// A default that is not text: everything up to the next blank or comma.
    private mutating func parsePlain(_ type: ValueType, _ range: ValueRange?) throws(SignatureError) -> Value {
        let start = scanner.position
        let plain = scanner.run { $0 != UInt8(ascii: ",") && !SignatureScanner.isBlank($0) }
        guard let value = type.parse(plain), range?.contains(value) ?? true else {
            throw scanner.error("expected \(range?.expectation ?? type.expectation) after '='", at: start)
        }
        return value
    }

    private mutating func parseText() throws(SignatureError) -> Value {
        let start = scanner.position
        guard scanner.take("\"") else { throw scanner.error("expected text in double quotes after '='") }
        var content: [UInt8] = []
        while let byte = scanner.takeByte() {
            switch byte {
            case UInt8(ascii: "\""): return .str(String(decoding: content, as: UTF8.self))
            case UInt8(ascii: "\\"): content.append(try parseEscape())
            case 0: throw scanner.error("expected \(ValueType.str.expectation)", at: scanner.position - 1)
            default: content.append(byte)
            }
        }
        throw scanner.error("expected a closing '\"'", at: start)
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
