/// Parses the signature of a C function; stops at the first place that it cannot parse.
struct FunctionSignatureParser {
    private var scanner: SignatureScanner

    init(_ text: String) { scanner = SignatureScanner(text) }

    /// `(type, type, …) -> result`.
    mutating func parseTypes() throws(SignatureError) -> FunctionSignature {
        scanner.skipBlanks()
        guard scanner.take("(") else { throw scanner.error("expected '(' before the types of the arguments") }
        var arguments: [FunctionSignature.Argument] = []
        scanner.skipBlanks()
        if !scanner.take(")") {
            while true {
                try checkCount(arguments)
                let offset = scanner.position
                let type = try parseType(after: arguments.isEmpty ? "'('" : "','")
                arguments.append(FunctionSignature.Argument(type: type, offset: offset))
                scanner.skipBlanks()
                if scanner.take(")") { break }
                guard scanner.take(",") else { throw scanner.error("expected ',' or ')' after '\(type.rawValue)'") }
                scanner.skipBlanks()
            }
        }
        let result = try parseResult()
        guard scanner.isAtEnd else {
            throw scanner.error("expected \(result == nil ? "'->' and the result's type, or " : "")the end")
        }
        return FunctionSignature(arguments: arguments, result: result ?? nil)
    }

    /// `name: type, … -> result; option=value, …`.
    mutating func parseNamed() throws(SignatureError) -> FunctionSignature {
        var arguments: [FunctionSignature.Argument] = []
        scanner.skipBlanks()
        if !scanner.isAtEnd, !isBeforeTail {
            while true {
                try checkCount(arguments)
                let argument = try parseArgument(isFirst: arguments.isEmpty)
                guard argument.name == "_" || !arguments.contains(where: { $0.name == argument.name }) else {
                    throw scanner.error("two arguments are named '\(argument.name)'", at: argument.offset)
                }
                arguments.append(argument)
                scanner.skipBlanks()
                if scanner.isAtEnd || isBeforeTail { break }
                guard scanner.take(",") else {
                    throw scanner.error("expected ',', '->', ';' or the end after argument '\(argument.name)'")
                }
                scanner.skipBlanks()
            }
        }
        let result = try parseResult()
        let options = try parseOptions()
        guard scanner.isAtEnd else {
            throw scanner.error("expected \(options.isEmpty ? "';' and options" : "','"), or the end")
        }
        return FunctionSignature(arguments: arguments, result: result ?? nil, options: options)
    }

    private var isBeforeTail: Bool { scanner.next == UInt8(ascii: "-") || scanner.next == UInt8(ascii: ";") }

    private func checkCount(_ arguments: [FunctionSignature.Argument]) throws(SignatureError) {
        guard arguments.count < FunctionSignature.argumentCountMax else {
            throw scanner.error("expected at most \(FunctionSignature.argumentCountMax) arguments")
        }
    }

    private mutating func parseArgument(isFirst: Bool) throws(SignatureError) -> FunctionSignature.Argument {
        let offset = scanner.position
        let mark = scanner.take("@") ? "@" : ""
        let start = scanner.position
        let word = scanner.word()
        guard let first = word.utf8.first, !SignatureScanner.isDigit(first), mark.isEmpty || word != "_" else {
            throw scanner.error(
                mark.isEmpty
                    ? "expected an argument's name (letters, digits and '_')" + (isFirst ? "" : " after ','")
                    : "expected a name after '@'",
                at: start)
        }
        let name = mark + word
        scanner.skipBlanks()
        guard scanner.take(":") else { throw scanner.error("expected ':' after '\(name)'") }
        scanner.skipBlanks()
        return FunctionSignature.Argument(name: name, type: try parseType(after: "':'"), offset: offset)
    }

    private mutating func parseType(after place: String) throws(SignatureError) -> ValueType {
        let start = scanner.position
        let word = scanner.word()
        guard let type = ValueType(rawValue: word) else {
            switch word {
            case "": throw scanner.error("expected a type after \(place)", at: start)
            case "void": throw scanner.error("only a result can be void", at: start)
            default: throw scanner.error("there is no type '\(word)'; the types are \(Self.typeNames)", at: start)
            }
        }
        guard scanner.next != UInt8(ascii: "?") else {
            throw scanner.error("'?' is for parameters; any str or ptr of a call may be NULL")
        }
        return type
    }

    /// - Returns: `nil` if no result is given, `.some(nil)` for `void`.
    private mutating func parseResult() throws(SignatureError) -> ValueType?? {
        scanner.skipBlanks()
        guard scanner.next == UInt8(ascii: "-") else { return nil }
        let start = scanner.position
        _ = scanner.takeByte()
        guard scanner.take(">") else { throw scanner.error("expected '->' before the result's type", at: start) }
        scanner.skipBlanks()
        let place = scanner.position
        let word = scanner.word()
        scanner.skipBlanks()
        if word == "void" { return .some(nil) }
        guard let type = ValueType(rawValue: word) else {
            throw scanner.error(
                word.isEmpty
                    ? "expected a type or void after '->'"
                    : "there is no type '\(word)'; a result is void, or one of \(Self.typeNames)",
                at: place)
        }
        return .some(type)
    }

    private mutating func parseOptions() throws(SignatureError) -> [FunctionSignature.Option] {
        scanner.skipBlanks()
        guard scanner.take(";") else { return [] }
        var options: [FunctionSignature.Option] = []
        repeat {
            scanner.skipBlanks()
            let start = scanner.position
            let name = scanner.word()
            guard !name.isEmpty else {
                throw scanner.error("expected an option's name after \(options.isEmpty ? "';'" : "','")", at: start)
            }
            guard !options.contains(where: { $0.name == name }) else {
                throw scanner.error("the option '\(name)' is given twice", at: start)
            }
            scanner.skipBlanks()
            guard scanner.take("=") else { throw scanner.error("expected '=' after '\(name)'") }
            scanner.skipBlanks()
            let place = scanner.position
            let value = scanner.run {
                $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: ";") && !SignatureScanner.isBlank($0)
            }
            guard !value.isEmpty else { throw scanner.error("expected a value after '='", at: place) }
            options.append(
                FunctionSignature.Option(name: name, value: value, nameOffset: start, valueOffset: place))
            scanner.skipBlanks()
        } while scanner.take(",")
        return options
    }

    private static let typeNames = ValueType.allCases.map(\.rawValue).joined(separator: " ")
}
