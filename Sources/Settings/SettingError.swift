/// An invalid setting. The description is one line: where it was set, and what is expected there. Exit status 2.
package struct SettingError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
