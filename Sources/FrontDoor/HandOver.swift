import Glibc

/// Takes a socket away from NIO.
enum HandOver {
    enum Outcome {
        /// A second descriptor of the same socket, which the caller owns. The channel must now be closed: NIO removes
        /// its own descriptor from its epoll set (`BaseSocketChannel.close0`) before it closes it, and because this
        /// descriptor remains, the peer does not notice.
        case taken(Int32)
        /// The channel has no socket of its own to give.
        case notASocket
        /// No descriptor is left; an `errno`.
        case refused(Int32)
    }

    /// Only when nothing is left to be sent.
    /// - Parameter socket: the channel's, if it has one.
    static func duplicate(_ socket: Int32?) -> Outcome {
        guard let socket else { return .notASocket }
        let descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        return descriptor >= 0 ? .taken(descriptor) : .refused(errno)
    }
}
