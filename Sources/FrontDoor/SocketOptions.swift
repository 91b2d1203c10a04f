import Glibc
import NIOCore
import NIOPosix

/// Options of a channel's socket, set directly: through NIO's channel options, each costs a future for every
/// connection.
enum SocketOptions {
    /// The channel's socket. It belongs to NIO, and is valid until the channel is closed; `nil` if there is none. On
    /// the channel's loop.
    ///
    /// `withUnsafeTransportIfAvailable` of a pipeline returns the same, but looks for a channel with one type of
    /// transport, which takes the Swift runtime microseconds each time.
    static func descriptor(of channel: any Channel) -> Int32? {
        guard let core = channel._channelCore as? any NIOTransportAccessibleChannelCore else { return nil }
        return descriptor(of: core)
    }

    private static func descriptor(of core: some NIOTransportAccessibleChannelCore) -> Int32? {
        (try? core.withUnsafeTransport { $0 as? NIOBSDSocket.Handle }).flatMap(\.self)
    }

    /// NIO opens and accepts sockets without `SOCK_CLOEXEC`: a program that a plugin starts would keep the port, and
    /// every connection, open. Every connection inherits the other options that are set here.
    static func prepareListening(_ channel: any Channel, sendBufferBytes: Int?) {
        guard let socket = descriptor(of: channel) else { return }
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        set(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        // The kernel completes a connection when its request begins to arrive, so that nothing has to wait for the
        // request; or a second later, if the client sends nothing. Until then the connection costs no descriptor.
        set(socket, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, 1)
        if let sendBufferBytes { set(socket, SOL_SOCKET, SO_SNDBUF, Int32(clamping: sendBufferBytes)) }
    }

    /// For a connection just accepted.
    static func prepare(_ socket: Int32) {
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
    }

    /// Makes the kernel check whether the peer is still there, and end the connection if it is not: tcp(7).
    /// - Parameters:
    ///   - silenceSeconds: how long the peer may be silent before the first probe.
    ///   - intervalSeconds: the time between two probes.
    ///   - attempts: the number of unanswered probes after which the peer counts as gone.
    static func probePeer(_ socket: Int32, after silenceSeconds: Int32, every intervalSeconds: Int32, attempts: Int32) {
        set(socket, Int32(IPPROTO_TCP), TCP_KEEPIDLE, silenceSeconds)
        set(socket, Int32(IPPROTO_TCP), TCP_KEEPINTVL, intervalSeconds)
        set(socket, Int32(IPPROTO_TCP), TCP_KEEPCNT, attempts)
        set(socket, SOL_SOCKET, SO_KEEPALIVE, 1)
    }

    private static func set(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
