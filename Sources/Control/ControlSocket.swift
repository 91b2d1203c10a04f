package import CommandOutput
import Files
import Glibc
import Synchronization

/// The listening end of a control socket: a file that only its user can connect to, and that is removed with the
/// server.
package final class ControlSocket: Sendable {
    private let file: SocketFile
    private let isShut = Atomic(false)

    package var path: String { file.path }
    var socket: UnixSocket { file.socket }

    /// Clients that the kernel may hold before they are accepted.
    private static let backlog: Int32 = 16

    /// Replaces a socket that a killed server left behind.
    /// - Throws: that another server uses the path, or why the socket can't be created.
    package init(listeningOn path: String) throws(CommandFailure) {
        do throws(SocketFile.Failure) {
            file = try SocketFile(listeningOn: path, backlog: Self.backlog)
        } catch .inUse {
            throw CommandFailure(
                "a server already serves this directory, or uses this control socket (\(path)); stop it, run 'sluice reload', "
                    + "or choose another socket with --control")
        } catch {
            throw CommandFailure(
                "control socket \(path): \(error.reason(at: path)); choose another path with --control")
        }
    }

    /// Removes the file, so that another server can use the path, and stops accepting clients. Further calls do
    /// nothing.
    package func shut() {
        guard !isShut.exchange(true, ordering: .relaxed) else { return }
        file.remove()
        shutdown(socket.descriptor, Int32(SHUT_RDWR))
    }
}
