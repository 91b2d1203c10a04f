import CLinux
import Glibc
package import SystemCalls

/// A stream socket in the file system; unix(7).
package struct UnixSocket: Sendable {
    package let descriptor: Int32

    /// The longest path that a socket address can hold, in bytes; unix(7).
    package static let pathBytesMax = 107

    /// Wraps the descriptor of an accepted connection.
    package init(descriptor: Int32) { self.descriptor = descriptor }

    /// - Parameter waits: whether to wait while the backlog of the other end is full; else the error is EAGAIN, and the
    ///   socket does not block.
    package static func connect(to path: String, waits: Bool = true) -> Result<UnixSocket, SystemError> {
        attempt(path, flags: waits ? 0 : Int32(SOCK_NONBLOCK.rawValue)) { Glibc.connect($0, $1, $2) }
    }

    /// Only this user can connect to the socket, from the moment that its file exists.
    package static func bind(to path: String) -> Result<UnixSocket, SystemError> {
        attempt(path) { descriptor, address, size in
            fchmod(descriptor, 0o600) == 0 ? Glibc.bind(descriptor, address, size) : -1
        }
    }

    package struct SystemError: Error, Equatable, CustomStringConvertible {
        package let code: Int32
        package var description: String { systemError(code) }
    }

    private static func attempt(
        _ path: String, flags: Int32 = 0, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Result<UnixSocket, SystemError> {
        guard !path.utf8.contains(0), path.utf8.count <= UnixSocket.pathBytesMax else {
            return .failure(SystemError(code: ENAMETOOLONG))
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue) | flags, 0)
        guard descriptor >= 0 else { return .failure(SystemError(code: errno)) }
        let code = withAddress(of: path) { body(descriptor, $0, $1) }
        guard code == 0 else {
            let error = SystemError(code: errno)
            Glibc.close(descriptor)
            return .failure(error)
        }
        return .success(UnixSocket(descriptor: descriptor))
    }

    /// Sends one datagram to a socket, without waiting. Failures are not reported.
    /// - Parameter path: as for `withAddress`.
    package static func sendDatagram(_ bytes: [UInt8], to path: String) {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { Glibc.close(descriptor) }
        withAddress(of: path) { address, size in
            _ = sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT), address, size)
        }
    }

    /// Calls a function with the address of a socket.
    /// - Parameter path: at most `pathBytesMax` bytes. A path that begins with NUL is an abstract address,
    ///   which has no file.
    private static func withAddress<Result>(of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result)
        -> Result
    {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        // In an abstract address, every byte counts, and none follows; a path ends with NUL.
        let size = MemoryLayout<sa_family_t>.size + path.utf8.count + (path.utf8.first == 0 ? 0 : 1)
        return withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(size)) }
        }
    }

    /// The user at the other end; `nil` if unknown.
    package var peerUser: UInt32? {
        var user: uid_t = 0
        return sluice_peer_user(descriptor, &user) == 0 ? user : nil
    }

    /// Reads up to a newline, which is not returned.
    /// - Returns: `nil` at the end of the stream, after the deadline, or if a line is longer than `bytesMax`.
    package func readLine(
        bytesMax: Int, rest: inout [UInt8], deadline: MonotonicNanoseconds, now: () -> MonotonicNanoseconds
    )
        -> [UInt8]?
    {
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        var searched = 0
        while true {
            if let end = rest[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(rest[..<end])
                rest.removeFirst(end + 1)
                return line
            }
            searched = rest.count
            let left = deadline - now()
            guard rest.count <= bytesMax, left > 0 else { return nil }
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wanted, 1, Int32(clamping: left / 1_000_000 + 1))
            if ready == 0 || ready < 0 && errno == EINTR { continue }
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            rest += chunk[..<count]
        }
    }

    /// - Returns: `false` if the other end is gone, or does not read.
    package func write(_ bytes: [UInt8], deadline: MonotonicNanoseconds, now: () -> MonotonicNanoseconds) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let left = deadline - now()
            guard left > 0 else { return false }
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wanted, 1, Int32(clamping: left / 1_000_000 + 1))
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    package func close() { Glibc.close(descriptor) }
}
