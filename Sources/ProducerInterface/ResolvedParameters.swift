/// Parameters that were checked against a producer's signature, in a form that only the producer's side understands.
package protocol ResolvedParameters: Sendable {
    /// One text for all spellings of the same values, for the log, for example.
    var canonical: String { get }

    /// The text of one of them, defaults included; `nil` if it is absent, or there is none with that name.
    func text(of name: String) -> String?
}

extension ResolvedParameters {
    package func text(of name: String) -> String? { nil }
}

/// A parameter that is wrong in a request.
package struct ParameterFault: Error, Sendable, Equatable {
    package let parameter: String
    /// The value in the request; `nil` if it was missing.
    package let value: String?
    /// What is expected, as a noun: "a whole number from -2147483648 to 2147483647".
    package let expected: String

    package init(parameter: String, value: String?, expected: String) {
        self.parameter = parameter
        self.value = value
        self.expected = expected
    }
}
