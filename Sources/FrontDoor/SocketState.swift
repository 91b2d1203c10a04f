import Glibc

/// The state of a socket, as far as it is known without reading.
enum SocketState {
    /// Bytes have arrived that were not read yet.
    static func hasInput(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) > 0
    }

    /// The peer has reset the connection, as NIO would notice once it watches the socket. A peer that has only ended
    /// its sending side (FIN) has not.
    static func isReset(_ socket: Int32) -> Bool {
        // poll(2) always reports both.
        var entry = pollfd(fd: socket, events: 0, revents: 0)
        return poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLERR | POLLHUP) != 0
    }
}
