import CLinux
import Glibc
import TestSupport
import Testing

@testable import Files

@Suite("Who can change the target of a path")
struct WriteAccessTests {
    private typealias Status = WriteAccess.Status

    /// A file system in the style of `ls -l`: a path, a mode (with the letter of its type), and owner:group; then the
    /// target of a link, or, as in `u:7`, a user with write access by an access control list.
    private static func access(_ tree: String, user: UInt32 = 1000, readOnly: Set<String> = []) -> WriteAccess {
        var found: [String: Status] = [:]
        for line in (standing + "\n" + tree).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            let owners = words[2].split(separator: ":").compactMap { UInt32($0) }
            var status = Status(owner: owners[0], group: owners[1], mode: UInt32(words[1].dropFirst(), radix: 8)!)
            status.isDirectory = words[1].first == "d"
            status.isDevice = words[1].first == "c"
            status.target = words[1].first == "l" ? words[3] : nil
            if words[1].first != "l" {
                status.listedWriters = words.dropFirst(3).map { word in
                    let number = UInt32(word.dropFirst(2))!
                    return word.first == "u" ? .user(number) : .group(number)
                }
            }
            found[words[0]] = status
        }
        return WriteAccess(
            user: user, status: { [found] in found[$0] }, isReadOnly: readOnly.contains,
            isOwnGroup: { $0 == 1000 && user == 1000 })
    }

    private static let standing = """
        / d755 0:0
        /srv d755 0:0
        /srv/p d755 1000:50
        /srv/p/x.so -644 1000:50
        /tmp d1777 0:0
        /tmp/mine d700 1000:50
        /tmp/mine/x.so -644 1000:50
        """

    struct Case: CustomTestStringConvertible {
        let name: String
        var tree = ""
        var path = "/srv/p/x.so"
        var readOnly: Set<String> = []
        var user: UInt32 = 1000
        /// `nil`: no objection.
        var expected: String?
        var testDescription: String { name }
    }

    @Test(
        "the rule, case by case",
        arguments: [
            Case(name: "one's own in a directory of root's"),
            Case(name: "root's", tree: "/srv/p d755 0:0\n/srv/p/x.so -755 0:0"),
            Case(name: "one's own below /tmp", path: "/tmp/mine/x.so"),
            Case(name: "directly in /tmp", tree: "/tmp/x.so -644 1000:50", path: "/tmp/x.so"),
            Case(name: "what is not there", path: "/srv/p/none.so"),
            Case(name: "of the group root", tree: "/srv/p d775 0:0\n/srv/p/x.so -664 1000:0"),
            Case(name: "umask 002 and a group of one's own", tree: "/srv/p d775 1000:1000\n/srv/p/x.so -664 1000:1000"),
            Case(
                name: "another's own group", tree: "/srv/p d755 0:0\n/srv/p/x.so -664 0:1000", user: 0,
                expected: "it is writable by its group (1000); run chmod g-w /srv/p/x.so, or pass --insecure-plugins"),
            Case(
                name: "a file for its group", tree: "/srv/p/x.so -664 1000:50",
                expected: "it is writable by its group (50); run chmod g-w /srv/p/x.so, or pass --insecure-plugins"),
            Case(
                name: "a file for a user on its list", tree: "/srv/p/x.so -664 0:0 u:0 u:1000 u:1001",
                expected: "it is writable by user 1001, by its access control list; "
                    + "run chmod g-w /srv/p/x.so, or pass --insecure-plugins"),
            Case(
                name: "a directory for a group on its list", tree: "/srv/p d775 1000:1000 g:0 g:1000 g:50",
                expected: "/srv/p, on the way to it, is writable by group 50, by its access control list; "
                    + "run chmod g-w /srv/p, or pass --insecure-plugins"),
            Case(
                name: "a list with nobody but root, the user and the user's own group",
                tree: "/srv/p/x.so -664 0:0 u:0 u:1000 g:0 g:1000"),
            Case(
                name: "a file for everyone", tree: "/srv/p/x.so -646 1000:50",
                expected: "it is writable by everyone; run chmod o-w /srv/p/x.so, or pass --insecure-plugins"),
            Case(
                name: "a file for all", tree: "/srv/p/x.so -666 1000:50",
                expected: "it is writable by everyone; run chmod go-w /srv/p/x.so, or pass --insecure-plugins"),
            Case(
                name: "somebody else's file", tree: "/srv/p/x.so -644 1001:50",
                expected: "it belongs to user 1001, who is neither root nor this process's user (1000); "
                    + "run chown 1000 /srv/p/x.so, or pass --insecure-plugins"),
            Case(
                name: "its directory", tree: "/srv/p d777 1000:50",
                expected: "/srv/p, on the way to it, is writable by everyone; "
                    + "run chmod go-w /srv/p, or pass --insecure-plugins"),
            Case(
                name: "a directory above", tree: "/srv d775 0:50",
                expected: "/srv, on the way to it, is writable by its group (50); "
                    + "run chmod g-w /srv, or pass --insecure-plugins"),
            Case(
                name: "a directory above is somebody else's", tree: "/srv d755 1001:50",
                expected:
                    "/srv, on the way to it, belongs to user 1001, who is neither root nor this process's user (1000); "
                    + "run chown 1000 /srv, or pass --insecure-plugins"),
            Case(
                name: "the root", tree: "/ d777 0:0",
                expected: "/, on the way to it, is writable by everyone; run chmod go-w /, or pass --insecure-plugins"),
            Case(
                name: "somebody else's in /tmp", tree: "/tmp/theirs d755 1001:50\n/tmp/theirs/x.so -644 1000:50",
                path: "/tmp/theirs/x.so",
                expected:
                    "/tmp/theirs, on the way to it, belongs to user 1001, who is neither root nor this process's user "
                    + "(1000); run chown 1000 /tmp/theirs, or pass --insecure-plugins"),
            Case(
                name: "/tmp itself, as a whole", path: "/tmp",
                expected: "it is writable by everyone; run chmod go-w /tmp, or pass --insecure-plugins"),
            Case(name: "a link", tree: "/srv/p/l.so l777 1000:50 x.so", path: "/srv/p/l.so"),
            Case(
                name: "a link of somebody else's, where they can't replace it", tree: "/srv/l l777 1001:50 p/x.so",
                path: "/srv/l"),
            Case(
                name: "a link of somebody else's in /tmp", tree: "/tmp/l l777 1001:50 /srv/p/x.so", path: "/tmp/l",
                expected:
                    "/tmp/l, on the way to it, belongs to user 1001, who is neither root nor this process's user (1000); "
                    + "run chown 1000 /tmp/l, or pass --insecure-plugins"),
            Case(
                name: "where a link leads", tree: "/srv/l l777 0:0 /opt/../opt/x.so\n/opt d777 0:0\n/opt/x.so -644 0:0",
                path: "/srv/l",
                expected: "/opt, on the way to it, is writable by everyone; "
                    + "run chmod go-w /opt, or pass --insecure-plugins"),
            Case(
                name: "where a link on the way of a link leads",
                tree: """
                    /srv/p/x.so l777 1000:50 ..data/x.so
                    /srv/p/..data l777 1000:50 v1
                    /srv/p/v1 d757 1000:50
                    /srv/p/v1/x.so -644 1000:50
                    """,
                expected: "/srv/p/v1, on the way to it, is writable by everyone; "
                    + "run chmod o-w /srv/p/v1, or pass --insecure-plugins"),
            Case(name: "links in a circle", tree: "/srv/a l777 0:0 b\n/srv/b l777 0:0 a", path: "/srv/a"),
            Case(
                name: "a read-only mount", tree: "/srv/p d777 1001:50\n/srv/p/x.so -666 1001:50",
                readOnly: ["/srv/p", "/srv/p/x.so"]),
            Case(
                name: "a read-only mount below a directory that is not safe", tree: "/srv d777 0:0",
                readOnly: ["/srv/p", "/srv/p/x.so"],
                expected: "/srv, on the way to it, is writable by everyone; "
                    + "run chmod go-w /srv, or pass --insecure-plugins"),
            Case(name: "a device", tree: "/dev d755 0:0\n/dev/null c666 0:0", path: "/dev/null"),
        ])
    func rule(_ wanted: Case) {
        let access = Self.access(wanted.tree, user: wanted.user, readOnly: wanted.readOnly)
        #expect(access.objection(to: wanted.path)?.description == wanted.expected)
        #expect(access.objection(to: "/srv/..//./" + wanted.path)?.rule == access.objection(to: wanted.path)?.rule)
    }

    /// The attribute of a list: a number, and then (tag, permissions, user or group) for each entry.
    private static func list(_ entries: [(UInt16, UInt16, UInt32)]) -> [UInt8] {
        func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
            withUnsafeBytes(of: number.littleEndian) { Array($0) }
        }
        return bytes(UInt32(2)) + entries.flatMap { bytes($0.0) + bytes($0.1) + bytes($0.2) }
    }

    private static let nobody: UInt32 = 65534

    @Test("the writers in a list, limited by its mask; an invalid list has none")
    func lists() {
        let most = UInt32.max
        func writers(mask: UInt16) -> [WriteAccess.ListedWriter] {
            let entries: [(UInt16, UInt16, UInt32)] = [
                (1, 6, most), (2, 6, 7), (2, 4, 8), (4, 6, most), (8, 2, 9), (8, 5, 10), (0x10, mask, most),
                (0x20, 4, most),
            ]
            return AccessList(Self.list(entries)[...]).writers
        }
        #expect(writers(mask: 7) == [.user(7), .group(9)])
        #expect(writers(mask: 5) == [])
        #expect(AccessList([]).writers == [] && AccessList([3, 0, 0, 0, 2, 0, 6, 0, 7, 0, 0, 0]).writers == [])
        #expect(AccessList(Self.list([(2, 6, 7)]).dropLast()).writers == [])
    }

    @Test("the list of a real file", .enabled(if: AccessLists.areKept, "no access control lists in /tmp here"))
    func realList() throws {
        let place = TemporaryDirectory()
        chmod(place.path, 0o755)
        let path = place.write([1], to: "x.so")
        chmod(path, 0o664)
        let own = getegid()
        try #require(chown(path, geteuid(), own) == 0)
        let access = WriteAccess.ofThisProcess
        // The group of a user other than root can have other members.
        let before = access.objection(to: path)
        let list = Self.list([
            (1, 6, .max), (2, 6, Self.nobody), (4, 4, .max), (0x10, 6, .max), (0x20, 4, .max),
        ])
        try #require(setxattr(path, "system.posix_acl_access", list, list.count, 0) == 0)
        let objection = access.objection(to: path)
        #expect(objection?.rule == before?.rule ?? "it is writable by user 65534, by its access control list")
        chmod(path, 0o644)
        #expect(access.objection(to: path) == nil, "chmod changes the mask of the list")
    }

    @Test("a group is the user's own if it has the same name and no other members")
    func ownGroup() {
        let passwd = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:100::/:/bin/sh\n"
        func isOwn(_ group: String, _ number: UInt32 = 1000, passwd more: String = "") -> Bool {
            AccountFiles(passwd: passwd + more, group: group).isOwnGroup(number, of: 1000)
        }
        #expect(isOwn("ann:x:1000:") && isOwn("ann:x:1000:ann"))
        #expect(!isOwn("ann:x:1000:bob") && !isOwn("ann:x:1000:ann,bob"))
        #expect(!isOwn("users:x:1000:") && !isOwn("") && !isOwn("ann:x:1000"))
        #expect(!isOwn("ann:x:100:", 100), "not the user's primary group")
        #expect(!isOwn("ann:x:1000:", passwd: "eve:x:1002:1000::/:/bin/sh\n"))
    }

    @Test("real files: a directory on the path, and the target of a link")
    func real() throws {
        let (place, elsewhere) = (TemporaryDirectory(), TemporaryDirectory())
        mkdir("\(place.path)/plugins", 0o755)
        let path = place.write([1], to: "plugins/x.so")
        let access = WriteAccess.ofThisProcess
        #expect(access.objection(to: path) == nil)
        chmod(place.path, 0o777)
        #expect(access.objection(to: path)?.rule == "\(place.path), on the way to it, is writable by everyone")
        chmod(place.path, 0o1777)
        #expect(access.objection(to: path) == nil)
        chmod(place.path, 0o755)
        let target = elsewhere.write([1], to: "y.so")
        symlink(target, "\(place.path)/plugins/y.so")
        #expect(access.objection(to: "\(place.path)/plugins/y.so") == nil)
        chmod(elsewhere.path, 0o757)
        #expect(
            access.objection(to: "\(place.path)/plugins/y.so")?.rule
                == "\(elsewhere.path), on the way to it, is writable by everyone")
        #expect(access.objection(to: "/proc") == nil && access.objection(to: "/dev/null") == nil)
    }
}

private enum AccessLists {
    /// Not every file system supports them.
    static let areKept: Bool = {
        let place = TemporaryDirectory()
        let path = place.write([1], to: "file")
        return getxattr(path, "system.posix_acl_access", nil, 0) >= 0 || errno != ENOTSUP
    }()
}
