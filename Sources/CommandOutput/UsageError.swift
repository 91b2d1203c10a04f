/// Describes invalid input from the user in one line: what it is, and what is expected. Exit status 2.
package struct UsageError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
