package import CommandOutput
import Files
import Glibc
import Synchronization
import SystemCalls

/// The listening end of a control socket: a file that only its user can connect to, and that is removed with the
/// server.
package final class ControlSocket: Sendable {
    package let path: String
    let socket: UnixSocket
    private let device: dev_t
    private let inode: ino_t
    private let isShut = Atomic(false)

    /// Clients that the kernel may hold before they are accepted.
    private static let backlog: Int32 = 16

    /// Replaces a socket that a killed server left behind.
    /// - Throws: that another server uses the path, or why the socket can't be created.
    package init(listeningOn path: String) throws(CommandFailure) {
        let directory = directoryName(path)
        // The lock makes two servers that start at the same time check one after the other. If another program has
        // locked the directory, this waits a second at most.
        let lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0 else {
            throw CommandFailure("control socket \(path): \(directory) \(systemError())")
        }
        defer { close(lock) }
        for _ in 0..<20 {
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { break }
            poll(nil, 0, 50)
        }

        var bound = UnixSocket.bind(to: path)
        if case .failure(let error) = bound, error.code == EADDRINUSE, try Self.isLeftBehind(path) {
            unlink(path)
            bound = UnixSocket.bind(to: path)
        }
        do {
            socket = try bound.get()
        } catch {
            throw CommandFailure("control socket \(path): \(error); choose another path with --control")
        }
        var status = stat()
        guard listen(socket.descriptor, Self.backlog) == 0, lstat(path, &status) == 0 else {
            socket.close()
            throw CommandFailure("control socket \(path): \(systemError())")
        }
        self.path = path
        (device, inode) = (status.st_dev, status.st_ino)
    }

    /// Whether no server listens there any more.
    /// - Throws: if the socket is in use, or the file is not a socket.
    private static func isLeftBehind(_ path: String) throws(CommandFailure) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return true }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw CommandFailure("control socket \(path): a file of that name exists; choose another with --control")
        }
        switch UnixSocket.connect(to: path) {
        case .success(let socket):
            socket.close()
            throw CommandFailure(
                "a server already serves this directory, or uses this control socket (\(path)); stop it, run 'sluice reload', "
                    + "or choose another socket with --control")
        case .failure(let error): return error.code == ECONNREFUSED || error.code == ENOENT
        }
    }

    /// Removes the file, so that another server can use the path, and stops accepting clients. Further calls do
    /// nothing.
    package func shut() {
        guard !isShut.exchange(true, ordering: .relaxed) else { return }
        var status = stat()
        if lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode { unlink(path) }
        shutdown(socket.descriptor, Int32(SHUT_RDWR))
    }
}
