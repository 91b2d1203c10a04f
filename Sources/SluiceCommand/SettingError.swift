/// A setting that is not right. One line: where it was set, and what is expected there. Exit status 2.
struct SettingError: Error, Sendable, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
