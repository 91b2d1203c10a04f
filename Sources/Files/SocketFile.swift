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
        let isReady =
            lstat(path, &status) == 0 && (owner.map { chown(path, uid_t.max, $0) == 0 } ?? true)
            && (mode == 0o600 || chmod(path, mode) == 0) && listen(socket.descriptor, backlog) == 0
        let code = errno
        (device, inode) = (status.st_dev, status.st_ino)
        guard isReady else {
            remove()
            socket.close()
            throw .system(path: path, UnixSocket.SystemError(code: code))
        }
    }

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
        switch UnixSocket.connect(to: path) {
        case .success(let socket):
            socket.close()
            throw .inUse
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
