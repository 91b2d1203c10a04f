import Glibc

/// Where this process may put what lives for a while.
package enum TemporaryPlaces {
    /// `TMPDIR`, if that can be meant (an empty or relative one names another place in each program), and /tmp. Once
    /// for all: a plugin may change the environment.
    package static let all: [String] = {
        let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        return named.hasPrefix("/") && named != "/tmp" ? [named, "/tmp"] : ["/tmp"]
    }()

    /// What the names of all such folders begin with.
    package static let prefix = "sluice-"

    /// Why a place is none.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        let place: String
        let reason: String

        package init(_ place: String, _ reason: String) { (self.place, self.reason) = (place, reason) }

        package var description: String { "\(place): \(reason)" }
    }

    /// What to do when there is none.
    package static let remedy = "set TMPDIR to a directory that belongs to this user and has free space"
}
