import Glibc

/// The places for this process's temporary files.
package enum TemporaryPlaces {
    /// `TMPDIR`, unless it is empty or relative (it would be a different place for each program), and /tmp. It is read
    /// only once, because plugins can change the environment.
    package static let all: [String] = {
        let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        return named.hasPrefix("/") && named != "/tmp" ? [named, "/tmp"] : ["/tmp"]
    }()

    /// The prefix of the names of all such folders.
    package static let prefix = "sluice-"

    /// Why a place can't be used.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        let place: String
        let reason: String

        package init(_ place: String, _ reason: String) { (self.place, self.reason) = (place, reason) }

        package var description: String { "\(place): \(reason)" }
    }

    /// What to do if no place can be used.
    package static let remedy = "set TMPDIR to a directory that belongs to this user and has free space"
}
