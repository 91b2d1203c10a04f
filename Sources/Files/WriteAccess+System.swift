import CLinux
import Glibc

extension WriteAccess {
    /// Write access to real files, for this process.
    package static var ofThisProcess: WriteAccess {
        WriteAccess(
            user: geteuid(), status: Status.init(at:), isReadOnly: isOnReadOnlyMount,
            isOwnGroup: { group in
                AccountFiles(passwd: readSmallFile("/etc/passwd"), group: readSmallFile("/etc/group"))
                    .isOwnGroup(group, of: geteuid())
            })
    }

    /// statvfs(3).
    private static func isOnReadOnlyMount(_ path: String) -> Bool {
        var system = statvfs()
        return statvfs(path, &system) == 0 && system.f_flag & UInt(ST_RDONLY) != 0
    }
}

extension WriteAccess.Status {
    init?(at path: String) {
        var raw = stat()
        guard lstat(path, &raw) == 0 else { return nil }
        let isLink = raw.st_mode & S_IFMT == S_IFLNK
        self.init(
            owner: raw.st_uid, group: raw.st_gid, mode: raw.st_mode & 0o7777,
            isDirectory: raw.st_mode & S_IFMT == S_IFDIR,
            isDevice: raw.st_mode & S_IFMT == S_IFCHR || raw.st_mode & S_IFMT == S_IFBLK,
            target: isLink ? readLink(path) : nil,
            listedWriters: raw.st_mode & 0o020 != 0 && !isLink ? AccessList(of: path).writers : [])
    }
}

/// An access control list as Linux stores it with a file: the attribute `system.posix_acl_access`. It contains the
/// number 2, and then entries of 8 bytes each: a tag, permissions, and a user or a group; linux/posix_acl_xattr.h.
struct AccessList {
    /// The users and groups with write access that the list's mask allows. The owner, the file's own group and all
    /// others are in the file's mode instead.
    private(set) var writers: [WriteAccess.ListedWriter] = []

    private static let write: UInt16 = 2

    /// Empty if the file has no list.
    init(of path: String) {
        // The largest size of an attribute.
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        let count = getxattr(path, "system.posix_acl_access", &bytes, bytes.count)
        self.init(count > 0 ? bytes[..<count] : [])
    }

    init(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { bytes in
            guard bytes.count >= 4, bytes.loadUnaligned(as: UInt32.self) == 2 else { return }
            var mask = UInt16.max
            for entry in stride(from: 4, through: bytes.count - 8, by: 8) {
                let permissions = bytes.loadUnaligned(fromByteOffset: entry + 2, as: UInt16.self)
                let name = bytes.loadUnaligned(fromByteOffset: entry + 4, as: UInt32.self)
                switch bytes.loadUnaligned(fromByteOffset: entry, as: UInt16.self) {
                case 0x02 where permissions & Self.write != 0: writers.append(.user(name))
                case 0x08 where permissions & Self.write != 0: writers.append(.group(name))
                case 0x10: mask = permissions
                default: break
                }
            }
            if mask & Self.write == 0 { writers = [] }
        }
    }
}

/// passwd(5) and group(5), read as files. A directory service on a network must not decide whose code can run here.
struct AccountFiles {
    private let users: [[Substring]]
    private let groups: [[Substring]]

    init(passwd: String, group: String) {
        users = Self.entries(of: passwd, fields: 7)
        groups = Self.entries(of: group, fields: 4)
    }

    private static func entries(of text: String, fields: Int) -> [[Substring]] {
        text.split(separator: "\n").map { $0.split(separator: ":", omittingEmptySubsequences: false) }
            .filter { $0.count == fields }
    }

    /// Whether a group is the user's own: it has the user's name, and no other members.
    func isOwnGroup(_ group: UInt32, of user: UInt32) -> Bool {
        guard let account = users.first(where: { $0[2] == "\(user)" }),
            let entry = groups.first(where: { $0[2] == "\(group)" })
        else { return false }
        let others = users.filter { $0[3] == "\(group)" && $0[2] != "\(user)" }
        let members = entry[3].split(separator: ",").filter { $0 != account[0] }
        return account[3] == "\(group)" && entry[0] == account[0] && others.isEmpty && members.isEmpty
    }
}

/// Empty if the file can't be read.
private func readSmallFile(_ path: String) -> String {
    String(decoding: fileBytes(path, bytesMax: 16 << 20), as: UTF8.self)
}
