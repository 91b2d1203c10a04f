package import CommandOutput
import Files
import Glibc
import Synchronization
import SystemCalls

/// The listening end of a control socket: a file that only its user can connect to, and that is gone with the server.
package final class ControlSocket: Sendable {
    package let path: String
    let socket: UnixSocket
    private let device: dev_t
    private let inode: ino_t
    private let isShut = Atomic(false)

    /// Clients that the kernel may hold before they are accepted.
    private static let backlog: Int32 = 16

    /// Takes the place of one that a server left behind when it was killed.
    /// - Throws: who is there, or why there can be none.
    package init(listeningOn path: String) throws(CommandFailure) {
        let directory = directoryName(path)
        // Two servers that start at the same time look one after the other; who locks the directory for other ends is
        // not waited for.
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

    /// Nobody listens there any more.
    /// - Throws: if it is in use, or not a socket at all.
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

    /// Gives the name up, for another server to take, and ends the waiting for clients. Further calls do nothing.
    package func shut() {
        guard !isShut.exchange(true, ordering: .relaxed) else { return }
        var status = stat()
        if lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode { unlink(path) }
        shutdown(socket.descriptor, Int32(SHUT_RDWR))
    }
}
