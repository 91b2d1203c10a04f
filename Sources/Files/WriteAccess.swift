/// Determines who can change what is read through a path. Only this type decides whether code or a configuration is
/// accepted from there.
///
/// The rule: only root and this process's user may be able to change it. So each of the following must belong to one of
/// the two, and must not be writable by its group or by everyone:
/// - the file,
/// - every directory in which a name is looked up to reach it, from the root, and along every symbolic link.
///
/// These are accepted nevertheless:
/// - a sticky directory, such as /tmp: others can create files in it, but not replace those of root or the user,
/// - write access of group 0, and of the user's own group. That is the one with the user's name and without other
///   members, which most distributions create for every user (with a umask of 002, files are then writable by that
///   group),
/// - everything that is mounted read-only, e.g. a volume of a container: nobody can write there, whatever the owners
///   and modes are.
///
/// Write access by an access control list counts like that of a group. The file's group mode shows the most that such a
/// list grants (acl(5)), so the list is only read if the group mode includes write access.
package struct WriteAccess {
    /// A file's status from lstat(2).
    struct Status: Equatable {
        var owner: UInt32
        var group: UInt32
        /// The permissions, including the sticky bit.
        var mode: UInt32
        var isDirectory = false
        /// A device such as /dev/null: writing to it does not change what is read from it.
        var isDevice = false
        /// The target of a symbolic link.
        var target: String?
        /// The users and groups that the access control list allows to write.
        var listedWriters: [ListedWriter] = []

        var isSticky: Bool { mode & 0o1000 != 0 }
    }

    enum ListedWriter: Equatable {
        case user(UInt32)
        case group(UInt32)
    }

    /// Who can change the file, and how to prevent it.
    package struct Objection: Error, Sendable, Equatable, CustomStringConvertible {
        /// The end of a sentence that begins with the file's name.
        package let rule: String
        package let remedy: String

        package var description: String { "\(rule); \(remedy)" }
    }

    /// This process's user.
    let user: UInt32
    let status: (String) -> Status?
    let isReadOnly: (String) -> Bool
    /// Whether a group has no other members than the user.
    let isOwnGroup: (UInt32) -> Bool

    /// - Parameters:
    ///   - path: a file or a directory. There is no objection to one that does not exist: opening it will fail.
    ///   - name: the path as the operator wrote it, if it differs.
    package func objection(to path: String, writtenAs name: String? = nil) -> Objection? {
        let written = name ?? path
        let steps = PathSteps(path) { status($0)?.target }
        if let root = status("/"), let objection = objection(to: root, at: "/", of: written, isLast: false) {
            return objection
        }
        for step in steps {
            guard let found = status(step.path) else { return nil }
            // In a sticky directory, the owner of an entry can replace it. Elsewhere, owning a link gives no access.
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
        // A sticky directory is safe as a step on the path. If it is itself what is read, every file in it counts.
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
        // chmod g-w revokes them all, because it changes the list's mask.
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

    /// The name as the operator wrote it, if the objection is to the file itself.
    private static func printed(_ place: String, of path: String, isLast: Bool) -> String { isLast ? path : place }
}
