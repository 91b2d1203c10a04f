import CLinux
import Glibc
import Synchronization
import SystemCalls

/// A listening socket in the file system, which is removed with the server.
package final class SocketFile: Sendable {
    package let path: String
    package let socket: UnixSocket
    private let device: dev_t
    private let inode: ino_t
    private let isRemoved = Atomic(false)

    package enum Failure: Error {
        /// Another program listens there.
        case inUse
        /// The path is that of a file of another kind.
        case otherFile
        /// The group of this name does not exist.
        case noGroup(String)
        /// The system's reason, and the path that it is about.
        case system(path: String, UnixSocket.SystemError)

        /// What is wrong, in words.
        package func reason(at path: String) -> String {
            switch self {
            case .inUse: "another program listens there"
            case .otherFile: "a file of that name exists, and is not a socket"
            case .noGroup(let name): "there is no group \(name)"
            case .system(let place, let error): place == path ? "\(error)" : "\(place): \(error)"
            }
        }
    }

    /// Replaces a socket that a killed server left behind.
    /// - Parameters:
    ///   - mode: who may connect, from the moment that the file exists: chmod(2).
    ///   - group: the file's group; `nil`: that of the process.
    ///   - backlog: connections that the kernel may hold before they are accepted.
    package init(
        listeningOn path: String, mode: UInt32 = 0o600, group: String? = nil, backlog: Int32
    ) throws(Failure) {
        let owner: gid_t?
        if let group {
            guard let found = Self.number(ofGroup: group) else { throw .noGroup(group) }
            owner = found
        } else {
            owner = nil
        }
        let directory = directoryName(path)
        // The lock makes two servers that start at the same time check one after the other. If another program has
        // locked the directory, this waits a second at most.
        let lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0 else { throw .system(path: directory, UnixSocket.SystemError(code: errno)) }
        defer { close(lock) }
        for _ in 0..<20 {
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { break }
            poll(nil, 0, 50)
        }

        // Until the group is set, only the user may connect.
        var bound = UnixSocket.bind(to: path)
        if case .failure(let error) = bound, error.code == EADDRINUSE, try Self.isLeftBehind(path) {
            unlink(path)
            bound = UnixSocket.bind(to: path)
        }
        do {
            socket = try bound.get()
        } catch {
            throw .system(path: path, error)
        }
        self.path = path
        var status = stat()
        let code = Self.admit(to: path, mode, owner, &status)
        (device, inode) = (status.st_dev, status.st_ino)
        guard code == 0, listen(socket.descriptor, backlog) == 0 else {
            let code = code == 0 ? errno : code
            remove()
            socket.close()
            throw .system(path: path, UnixSocket.SystemError(code: code))
        }
    }

    /// Sets who may connect. If another user can write to the directory, the path can be that of another file by now,
    /// or of a link to one: so this is done through a descriptor of what is a socket.
    /// - Parameter status: the socket's; unchanged if there is another file, which is not to be removed.
    /// - Returns: 0, or why it can't be done.
    private static func admit(to path: String, _ mode: UInt32, _ owner: gid_t?, _ status: inout stat) -> Int32 {
        let file = open(path, sluice_path_only | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return errno }
        defer { close(file) }
        var found = stat()
        guard fstat(file, &found) == 0 else { return errno }
        guard found.st_mode & S_IFMT == S_IFSOCK else { return ENOTSOCK }
        status = found
        let same = "/proc/self/fd/\(file)"
        if let owner, chown(same, uid_t.max, owner) != 0 { return errno }
        return mode == 0o600 || chmod(same, mode) == 0 ? 0 : errno
    }

    /// Whether there is a group of this name or number.
    package static func exists(group: String) -> Bool { number(ofGroup: group) != nil }

    /// - Parameter group: a name or a number.
    private static func number(ofGroup group: String) -> gid_t? {
        if let number = gid_t(group) { return number }
        var entry = Glibc.group()
        var buffer = [CChar](repeating: 0, count: 64 * 1024)
        var found: UnsafeMutablePointer<Glibc.group>?
        guard getgrnam_r(group, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return entry.gr_gid
    }

    /// Whether no server listens there any more.
    private static func isLeftBehind(_ path: String) throws(Failure) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return true }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .otherFile }
        switch UnixSocket.connect(to: path, waits: false) {
        case .success(let socket):
            socket.close()
            throw .inUse
        // Its backlog is full.
        case .failure(let error) where error.code == EAGAIN: throw .inUse
        case .failure(let error): return error.code == ECONNREFUSED || error.code == ENOENT
        }
    }

    /// Removes the file, so that another server can use the path; one that another server has created meanwhile stays.
    /// Further calls do nothing.
    package func remove() {
        guard !isRemoved.exchange(true, ordering: .relaxed) else { return }
        var status = stat()
        if lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode { unlink(path) }
    }
}
