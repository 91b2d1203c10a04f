/// Something that could not be done, in one line. Exit status 1.
struct CommandFailure: Error, Sendable, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
