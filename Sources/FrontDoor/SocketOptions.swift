import Glibc
import NIOCore
import NIOPosix

/// Options of a channel's socket, set all at once: through NIO's channel options each costs a future for every
/// connection.
///
/// On the channel's loop. A channel that has no socket, or one that is gone, is left as it is.
enum SocketOptions {
    /// NIO opens and accepts without `SOCK_CLOEXEC`: a program that a plugin starts would hold the port, and every
    /// connection, open.
    /// - Parameter sendBufferBytes: what is set here is inherited by every connection.
    static func prepareListening(_ channel: any Channel, sendBufferBytes: Int?) {
        withSocket(of: channel) { socket in
            _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
            if let sendBufferBytes { set(socket, SOL_SOCKET, SO_SNDBUF, Int32(clamping: sendBufferBytes)) }
        }
    }

    /// For a connection just accepted.
    static func prepare(_ channel: any Channel) {
        withSocket(of: channel) { socket in
            _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
            set(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        }
    }

    /// Lets the kernel ask whether the peer is still there, and end the connection if it is not: tcp(7).
    /// - Parameters:
    ///   - silence: before the first question, in seconds.
    ///   - interval: between two questions, in seconds.
    ///   - attempts: unanswered, after which the peer is gone.
    static func probePeer(_ channel: any Channel, after silence: Int32, every interval: Int32, attempts: Int32) {
        withSocket(of: channel) { socket in
            set(socket, Int32(IPPROTO_TCP), TCP_KEEPIDLE, silence)
            set(socket, Int32(IPPROTO_TCP), TCP_KEEPINTVL, interval)
            set(socket, Int32(IPPROTO_TCP), TCP_KEEPCNT, attempts)
            set(socket, SOL_SOCKET, SO_KEEPALIVE, 1)
        }
    }

    private static func withSocket(of channel: any Channel, _ body: (Int32) -> Void) {
        _ = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self, body)
    }

    private static func set(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
