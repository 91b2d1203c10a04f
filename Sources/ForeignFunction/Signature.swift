/// The typed parameters of a producer, as it declares them: `symbol: str, interval: f64 in 0.1...60 = 1.0, note: str?`.
package struct Signature: Sendable, Equatable {
    package struct Parameter: Sendable, Equatable {
        /// A C identifier, unique within its signature.
        package let name: String
        package let type: ValueType
        /// `str?`: without a value, the C function gets NULL.
        package let isOptional: Bool
        /// The range of its values, in addition to the type's own.
        package let range: ValueRange?
        /// Used for a missing value; `nil` if there is no default. Of the parameter's type, within its range, and never
        /// set for an optional parameter.
        package let defaultValue: Value?

        /// Parses a value of this type and range.
        package func parse(_ text: String) -> Value? {
            type.parse(text).flatMap { range?.contains($0) ?? true ? $0 : nil }
        }

        /// What `parse` accepts, as a noun for messages.
        package var expectation: String { range?.expectation ?? type.expectation }
    }

    /// The maximum number of parameters; it limits what one request can make the host do.
    package static let parameterCountMax = 64

    package let parameters: [Parameter]

    /// Parses a signature; an empty text is one without parameters.
    ///
    /// A parameter is `name: type`. For a number, `in least...greatest` may follow, where one of the two may be
    /// missing; then `= default` may follow. Parameters are separated by commas, and blanks are allowed between the
    /// parts. A default is written as in a request, except that text is quoted, with `\"`, `\\`, `\n` and `\t` for
    /// characters that cannot be written as they are.
    package init(parsing text: String) throws(SignatureError) {
        var parser = SignatureParser(text)
        parameters = try parser.parseParameters()
    }
}

extension Signature: CustomStringConvertible {
    /// The signature in its canonical spelling, which parses to an equal one.
    package var description: String {
        parameters.map(\.description).joined(separator: ", ")
    }
}

extension Signature.Parameter: CustomStringConvertible {
    package var description: String {
        let declaration = "\(name): \(type.rawValue)" + (isOptional ? "?" : "") + (range.map { " in \($0)" } ?? "")
        return switch defaultValue {
        case nil: declaration
        case .str(let text?): declaration + " = " + Self.quoted(text)
        case let value?: declaration + " = " + (value.text ?? "")
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
