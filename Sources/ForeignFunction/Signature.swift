/// The typed parameters of a producer, as it declares them: `symbol: str, interval: f64 in 0.1...60 = 1.0, note: str?`.
package struct Signature: Sendable, Equatable {
    package struct Parameter: Sendable, Equatable {
        /// A C identifier, unique within its signature.
        package let name: String
        package let type: ValueType
        /// `str?`: without a value, the C function gets NULL.
        package let isOptional: Bool
        /// What a value must be within, beside its type.
        package let range: ValueRange?
        /// What stands in for a missing value; `nil` if there is nothing. Of the parameter's type, within its range, and never
        /// for an optional one.
        package let defaultValue: Value?

        /// Reads a value of its type and range.
        package func parse(_ text: String) -> Value? {
            type.parse(text).flatMap { range?.contains($0) ?? true ? $0 : nil }
        }

        /// What `parse` accepts, as a noun for messages.
        package var expectation: String { range?.expectation ?? type.expectation }
    }

    /// More than this a signature may not have; it bounds what one request can make the host do.
    package static let parameterCountMax = 64

    package let parameters: [Parameter]

    /// Reads a signature; an empty text is one without parameters.
    ///
    /// A parameter is `name: type`, for a number perhaps `in least...greatest`, where one of the two may be missing, then perhaps
    /// `= default`; several are separated by commas, and blanks may stand between the parts. A default is written as a request would write it, except that text is quoted, with `\"`, `\\`, `\n` and `\t` for what
    /// cannot stand there as it is.
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
