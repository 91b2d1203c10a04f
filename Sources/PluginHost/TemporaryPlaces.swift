import Glibc

/// Where this process may put what lives for a while.
package enum TemporaryPlaces {
    /// `TMPDIR`, if that can be meant (an empty or relative one names another place in each program), and /tmp.
    package static var all: [String] {
        let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        return named.hasPrefix("/") && named != "/tmp" ? [named, "/tmp"] : ["/tmp"]
    }

    /// What the names of all such directories begin with.
    static let prefix = "sluice-"

    /// Makes a directory that nobody else can enter, or put another in its place.
    /// - Returns: its path, or why there is none.
    package static func makeDirectory(in parent: String) -> Result<String, Failure> {
        var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return .failure(Failure(parent, systemError())) }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        if let objection = WriteAccess.ofThisProcess.objection(to: path) {
            rmdir(path)
            return .failure(Failure(parent, objection.rule))
        }
        return .success(path)
    }

    /// Why a place is none.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        let place: String
        let reason: String

        package init(_ place: String, _ reason: String) { (self.place, self.reason) = (place, reason) }

        package var description: String { "\(place): \(reason)" }
    }

    /// What to do when there is none.
    package static let remedy = "set TMPDIR to a directory of this user's that has room"
}
