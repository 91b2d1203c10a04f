/// Who could change what is read through a path: the one place that decides whether code, or a configuration, may be
/// taken from there.
///
/// The rule: only root and this process's user may be able to. So each of these belongs to one of the two, and neither
/// its group nor everyone may write to it:
/// - the file,
/// - every directory that is looked into on the way to it, from the root, and along every symbolic link.
///
/// What still counts as theirs alone:
/// - a sticky directory, as /tmp is: others can make files there, but not replace one that belongs to root or the user,
/// - write access of group 0, and of the user's own group: the one that is named like the user, with nobody else in it,
///   as most
///   distributions make one for everybody (a umask of 002 then writes files for that group),
/// - whatever is mounted read-only, e.g. a volume of a container: nobody can write there, whatever owners and modes
///   say.
///
/// Whoever has write access by an access control list counts like a group. What such a list grants at most shows as the
/// group's access (acl(5)), and so a file whose group may not write needs no look at its list.
package struct WriteAccess {
    /// What lstat(2) says of a file.
    struct Status: Equatable {
        var owner: UInt32
        var group: UInt32
        /// The permissions, the sticky bit included.
        var mode: UInt32
        var isDirectory = false
        /// /dev/null and its like: what is written there changes nothing.
        var isDevice = false
        /// Where a symbolic link leads.
        var target: String?
        /// Those whom the access control list names, and lets write.
        var listedWriters: [ListedWriter] = []

        var isSticky: Bool { mode & 0o1000 != 0 }
    }

    enum ListedWriter: Equatable {
        case user(UInt32)
        case group(UInt32)
    }

    /// Who can, and what ends that.
    package struct Objection: Error, Sendable, Equatable, CustomStringConvertible {
        /// The end of a sentence that begins with the file.
        package let rule: String
        package let remedy: String

        package var description: String { "\(rule); \(remedy)" }
    }

    /// This process's user.
    let user: UInt32
    let status: (String) -> Status?
    let isReadOnly: (String) -> Bool
    /// Whether nobody but the user is in a group.
    let isOwnGroup: (UInt32) -> Bool

    /// - Parameters:
    ///   - path: of a file or a directory; one that is not there is left to whoever opens it.
    ///   - name: as the operator wrote it, if that is not the path.
    package func objection(to path: String, writtenAs name: String? = nil) -> Objection? {
        let written = name ?? path
        let steps = PathSteps(path) { status($0)?.target }
        if let root = status("/"), let objection = objection(to: root, at: "/", of: written, isLast: false) {
            return objection
        }
        for step in steps {
            guard let found = status(step.path) else { return nil }
            // Who owns something in a sticky directory may put something else in its place. Elsewhere, who owns a link
            // can't do anything with it.
            if let directory = status(step.directory), writers(directory) != nil, !isMine(found),
                !isReadOnly(step.directory)
            {
                return foreign(found, at: step.path, of: written, isLast: step.isLast)
            }
            guard found.target == nil else { continue }
            if let objection = objection(to: found, at: step.path, of: written, isLast: step.isLast) {
                return objection
            }
        }
        return nil
    }

    private func objection(to found: Status, at place: String, of path: String, isLast: Bool) -> Objection? {
        let isMine = isMine(found)
        // A sticky directory is no danger to what is in it, but whatever is in one that is to be read as a whole would
        // count.
        let writers = found.isDirectory && found.isSticky && !isLast ? nil : writers(found)
        if isMine && (writers == nil || found.isDevice) || isReadOnly(place) { return nil }
        guard isMine, let writers else { return foreign(found, at: place, of: path, isLast: isLast) }
        let name = Self.printed(place, of: path, isLast: isLast)
        return Objection(
            rule: "\(Self.called(place, isLast: isLast))is writable by \(writers.names)",
            remedy: "run chmod \(writers.letters)-w \(name), or pass --insecure-plugins")
    }

    private func foreign(_ found: Status, at place: String, of path: String, isLast: Bool) -> Objection {
        Objection(
            rule:
                "\(Self.called(place, isLast: isLast))belongs to user \(found.owner), who is neither root nor this process's user "
                + "(\(user))",
            remedy: "run chown \(user) \(Self.printed(place, of: path, isLast: isLast)), or pass --insecure-plugins")
    }

    private func isMine(_ found: Status) -> Bool { found.owner == 0 || found.owner == user }

    private func writers(_ found: Status) -> (names: String, letters: String)? {
        if found.mode & 0o002 != 0 { return ("everyone", found.mode & 0o020 != 0 ? "go" : "o") }
        guard found.mode & 0o020 != 0 else { return nil }
        if !isMine(group: found.group) { return ("its group (\(found.group))", "g") }
        // chmod g-w takes it from all of them: it changes the mask of the list.
        for writer in found.listedWriters {
            switch writer {
            case .user(let user) where user != 0 && user != self.user:
                return ("user \(user), by its access control list", "g")
            case .group(let group) where !isMine(group: group):
                return ("group \(group), by its access control list", "g")
            case .user, .group: break
            }
        }
        return nil
    }

    private func isMine(group: UInt32) -> Bool { group == 0 || isOwnGroup(group) }

    private static func called(_ place: String, isLast: Bool) -> String {
        isLast ? "it " : "\(place), on the way to it, "
    }

    /// As the operator wrote it, if that is what it is about.
    private static func printed(_ place: String, of path: String, isLast: Bool) -> String { isLast ? path : place }
}
