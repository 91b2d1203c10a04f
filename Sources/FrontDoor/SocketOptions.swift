import Glibc
import NIOCore
import NIOPosix

/// Options of a channel's socket, set all at once: through NIO's channel options each costs a future for every
/// connection.
enum SocketOptions {
    /// The channel's socket, which is NIO's, until the channel is closed; `nil` if it has none. On the channel's loop.
    ///
    /// `withUnsafeTransportIfAvailable` of a pipeline gives the same, but looks for a channel whose transport has one
    /// type, which takes the Swift runtime microseconds each time.
    static func descriptor(of channel: any Channel) -> Int32? {
        guard let core = channel._channelCore as? any NIOTransportAccessibleChannelCore else { return nil }
        return descriptor(of: core)
    }

    private static func descriptor(of core: some NIOTransportAccessibleChannelCore) -> Int32? {
        (try? core.withUnsafeTransport { $0 as? NIOBSDSocket.Handle }).flatMap(\.self)
    }

    /// NIO opens and accepts without `SOCK_CLOEXEC`: a program that a plugin starts would hold the port, and every
    /// connection, open. All else that is set here is inherited by every connection.
    static func prepareListening(_ channel: any Channel, sendBufferBytes: Int?) {
        guard let socket = descriptor(of: channel) else { return }
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        set(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        // A connection counts as complete when its request begins to arrive, so that it need not be waited for; or, if
        // the client says nothing, a second later. Until then it costs no descriptor.
        set(socket, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, 1)
        if let sendBufferBytes { set(socket, SOL_SOCKET, SO_SNDBUF, Int32(clamping: sendBufferBytes)) }
    }

    /// For a connection just accepted.
    static func prepare(_ socket: Int32) {
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
    }

    /// Lets the kernel ask whether the peer is still there, and end the connection if it is not: tcp(7).
    /// - Parameters:
    ///   - silenceSeconds: before the first question.
    ///   - intervalSeconds: between two questions.
    ///   - attempts: unanswered, after which the peer is gone.
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
