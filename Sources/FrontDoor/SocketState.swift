import Glibc

/// What a socket tells before anything is read from it.
enum SocketState {
    /// Bytes have come that were not read yet.
    static func hasInput(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) > 0
    }

    /// The peer has reset the connection: what NIO would notice, once it watches the socket. A peer that has only ended
    /// its sending side (FIN) has not.
    static func isReset(_ socket: Int32) -> Bool {
        // Both are reported without being asked for.
        var entry = pollfd(fd: socket, events: 0, revents: 0)
        return poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLERR | POLLHUP) != 0
    }
}
