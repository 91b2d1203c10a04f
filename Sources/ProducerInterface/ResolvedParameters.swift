/// Parameters that were checked against a producer's signature, in a form that only the producer's side understands.
package protocol ResolvedParameters: Sendable {
    /// One text for all spellings of the same values, e.g. for the log.
    var canonical: String { get }
}

/// A parameter that a request got wrong.
package struct ParameterFault: Error, Sendable, Equatable {
    package let parameter: String
    /// What was given; `nil` if it was missing.
    package let value: String?
    /// What would have been right, as a noun: "a whole number from -2147483648 to 2147483647".
    package let expected: String

    package init(parameter: String, value: String?, expected: String) {
        self.parameter = parameter
        self.value = value
        self.expected = expected
    }
}
