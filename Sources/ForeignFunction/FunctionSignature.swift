/// The signature of a C function that is made at run time: the types for `bind`, `(str, f64) -> void`, or the names and
/// types for `callback`, `op: i32, _: ptr, table: str -> i32; full=drop-oldest`.
package struct FunctionSignature: Sendable, Equatable {
    package struct Argument: Sendable, Equatable {
        /// An identifier, `@` and an identifier, or `_`; empty if arguments have no names.
        package let name: String
        package let type: ValueType
        /// Its place, in UTF-8 bytes from the start of the signature.
        package let offset: Int

        package init(name: String = "", type: ValueType, offset: Int = 0) {
            self.name = name
            self.type = type
            self.offset = offset
        }

        /// Equal regardless of blanks.
        package static func == (one: Self, other: Self) -> Bool { one.name == other.name && one.type == other.type }
    }

    /// `name=value`, which the caller interprets.
    package struct Option: Sendable, Equatable {
        package let name: String
        package let value: String
        /// The places of the name and the value.
        package let nameOffset: Int
        package let valueOffset: Int

        package init(name: String, value: String, nameOffset: Int = 0, valueOffset: Int = 0) {
            self.name = name
            self.value = value
            self.nameOffset = nameOffset
            self.valueOffset = valueOffset
        }

        package static func == (one: Self, other: Self) -> Bool { one.name == other.name && one.value == other.value }
    }

    /// The maximum number of arguments; it limits what one call moves. (C99 asks compilers for 127.)
    package static let argumentCountMax = 64

    package let arguments: [Argument]
    /// `nil` for `void`.
    package let result: ValueType?
    package let options: [Option]

    package init(arguments: [Argument], result: ValueType? = nil, options: [Option] = []) {
        self.arguments = arguments
        self.result = result
        self.options = options
    }

    /// Parses `(type, type, …) -> result`; `-> result` can be left out for `void`.
    package init(parsingTypes text: String) throws(SignatureError) {
        var parser = FunctionSignatureParser(text)
        self = try parser.parseTypes()
    }

    /// Parses `name: type, … -> result; option=value, …`, of which everything can be left out. A name is an identifier,
    /// `_` (any number of times), or `@` and an identifier.
    package init(parsingNamed text: String) throws(SignatureError) {
        var parser = FunctionSignatureParser(text)
        self = try parser.parseNamed()
    }
}

extension FunctionSignature: CustomStringConvertible {
    /// The signature in its canonical spelling, which parses to an equal one.
    package var description: String {
        let isNamed = arguments.contains { !$0.name.isEmpty } || !options.isEmpty
        let list = arguments.map { $0.name.isEmpty ? $0.type.rawValue : "\($0.name): \($0.type.rawValue)" }
            .joined(separator: ", ")
        let result = result?.rawValue ?? "void"
        guard isNamed else { return "(\(list)) -> \(result)" }
        let tail = options.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
        return list + (list.isEmpty ? "-> " : " -> ") + result + (tail.isEmpty ? "" : "; " + tail)
    }
}
