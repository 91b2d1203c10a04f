import Glibc
import SystemCalls

/// A TCP client that sends exactly the given bytes, and shows exactly those that it received.
///
/// Its calls block, all with a deadline; only one thread may use it. The connection is closed when the client is
/// released.
package final class RawClient {
    /// Everything that was received and not yet taken by a reading call.
    package private(set) var received: [UInt8] = []
    /// The peer has ended its side (FIN), or the connection was reset.
    package private(set) var hasEnded = false
    /// For code that waits for many clients at once; -1 after it was closed.
    package private(set) var descriptor: Int32

    /// Connects.
    /// - Parameters:
    ///   - host: a numeric IPv4 or IPv6 address.
    ///   - source: the numeric IPv4 address to connect from, such as another one of loopback.
    ///   - receiveBufferBytes: `SO_RCVBUF`, set before connecting so that the window stays small; the kernel doubles
    ///     it.
    ///   - segmentBytes: the longest segments that the peer may send (TCP_MAXSEG). The kernel sizes a sender's buffer
    ///     by them: on loopback, where they are 64 KiB long, the peer could send megabytes before it noticed that this
    ///     client does not read.
    ///   - beforeConnecting: called when the socket exists; connecting needs no further descriptor.
    package init(
        port: Int, host: String = "127.0.0.1", from source: String? = nil, receiveBufferBytes: Int? = nil,
        segmentBytes: Int? = nil, beforeConnecting: () -> Void = {}
    ) throws(RawClientError) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let address = list else {
            throw RawClientError("\(host) is no numeric address")
        }
        defer { freeaddrinfo(list) }
        descriptor = socket(address.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw RawClientError(errno: errno, in: "socket") }
        if let receiveBufferBytes { set(SOL_SOCKET, SO_RCVBUF, Int32(receiveBufferBytes)) }
        if let segmentBytes { set(Int32(IPPROTO_TCP), TCP_MAXSEG, Int32(segmentBytes)) }
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        beforeConnecting()
        if let source { try bind(to: source) }
        guard connect(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
            let code = errno
            close()
            throw RawClientError(errno: code, in: "connect")
        }
    }

    private func bind(to source: String) throws(RawClientError) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        let code = withUnsafeMutablePointer(to: &address) { address in
            inet_pton(AF_INET, source, &address.pointee.sin_addr) != 1
                ? EINVAL
                : address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 ? 0 : errno
                }
        }
        guard code == 0 else {
            close()
            throw RawClientError(errno: code, in: "bind")
        }
    }

    /// Connects to a socket in the file system.
    package init(path: String) throws(RawClientError) {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard descriptor >= 0, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw RawClientError("\(path) is too long, or there is no descriptor")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else {
            let code = errno
            close()
            throw RawClientError(errno: code, in: "connect")
        }
    }

    deinit { close() }

    /// The local port.
    package var localPort: Int {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
            // The port is at the same offset for IPv4 and IPv6.
            return $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                Int(UInt16(bigEndian: $0.pointee.sin_port))
            }
        }
    }

    // MARK: Sending

    package func send(_ text: String, within limit: Duration = .seconds(10)) throws(RawClientError) {
        try send(Array(text.utf8), within: limit)
    }

    /// Sends all bytes, or throws.
    package func send(_ bytes: [UInt8], within limit: Duration = .seconds(10)) throws(RawClientError) {
        let deadline = ContinuousClock.now + limit
        var sent = 0
        while sent < bytes.count {
            let step = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress! + sent, bytes.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if step >= 0 {
                sent += step
            } else if errno == EAGAIN {
                try wait(for: POLLOUT, until: deadline, "sending")
            } else if errno != EINTR {
                throw RawClientError(errno: errno, in: "send")
            }
        }
    }

    /// Ends the sending side: the peer sees end-of-file, and can still answer.
    package func halfClose() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Ends the connection with RST.
    package func reset() {
        var hard = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Ends the connection without FIN, like a machine that loses power. The kernel answers later data from the peer
    /// with RST.
    /// - Returns: `false` if this process lacks the permission (CAP_NET_ADMIN); the connection is then unchanged.
    package func vanish() -> Bool {
        // tcp(7) lists TCP_REPAIR (19): a socket under repair is closed without FIN.
        var on: Int32 = 1
        guard setsockopt(descriptor, Int32(IPPROTO_TCP), 19, &on, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            return false
        }
        close()
        return true
    }

    /// Ends the connection: with FIN, or with RST if there is unread data.
    package func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }

    // MARK: Receiving

    /// Reads until `condition` holds for everything received and not yet taken, which is then taken and returned.
    /// - Throws: after the deadline, or if the peer ends first; the message contains the received text.
    package func read(
        within limit: Duration = .seconds(10), until condition: ([UInt8]) -> Bool
    ) throws(RawClientError) -> [UInt8] {
        let deadline = ContinuousClock.now + limit
        while !condition(received) {
            try notAfter(deadline)
            guard try receive(until: deadline) else { throw RawClientError("the peer ended early, after: \(text)") }
        }
        defer { received = [] }
        return received
    }

    /// Reads until `text` has arrived; takes and returns everything up to its end.
    package func read(through text: String, within limit: Duration = .seconds(10)) throws(RawClientError) -> String {
        let wanted = Array(text.utf8)
        let deadline = ContinuousClock.now + limit
        var searched = 0
        while true {
            if let end = received.firstEnd(of: wanted, from: searched) {
                return take(end)
            }
            searched = max(0, received.count - wanted.count + 1)
            guard try receive(until: deadline) else {
                throw RawClientError("the peer ended before “\(text)”, after: \(self.text)")
            }
        }
    }

    /// Reads this many bytes; takes and returns them.
    package func read(count: Int, within limit: Duration = .seconds(10)) throws(RawClientError) -> [UInt8] {
        let deadline = ContinuousClock.now + limit
        while received.count < count {
            guard try receive(until: deadline) else { throw RawClientError("the peer ended early, after: \(text)") }
        }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    /// Reads to the end of the connection; takes and returns everything.
    package func readToEnd(within limit: Duration = .seconds(10)) throws(RawClientError) -> String {
        let deadline = ContinuousClock.now + limit
        while try receive(until: deadline) { try notAfter(deadline) }
        return take(received.count)
    }

    /// Reads one response whose length is known from its head (`Content-Length`, or a status or method without a body),
    /// and leaves the rest.
    /// - Parameter toHead: the request was HEAD, so no body follows.
    package func readResponse(
        toHead: Bool = false, within limit: Duration = .seconds(10)
    ) throws(RawClientError) -> RawResponse {
        let deadline = ContinuousClock.now + limit
        var response = RawResponse(head: try read(through: "\r\n\r\n", within: limit))
        guard !toHead, let length = response["Content-Length"].flatMap({ Int($0) }) else { return response }
        while received.count < length {
            guard try receive(until: deadline) else { throw RawClientError("the peer ended within a body: \(text)") }
        }
        response.body = take(length)
        return response
    }

    /// Waits for more bytes, once.
    /// - Returns: `false` at the end of the connection, even after a reset.
    package func receive(until deadline: ContinuousClock.Instant) throws(RawClientError) -> Bool {
        if hasEnded { return false }
        while true {
            var (count, code) = (0, Int32(0))
            let chunk = [UInt8](unsafeUninitializedCapacity: 16384) { room, used in
                count = recv(descriptor, room.baseAddress!, room.count, Int32(MSG_DONTWAIT))
                code = errno
                used = max(0, count)
            }
            if count > 0 {
                received += chunk
                return true
            }
            if count == 0 || code == ECONNRESET {
                hasEnded = true
                return false
            }
            guard code == EAGAIN || code == EINTR else { throw RawClientError(errno: code, in: "recv") }
            try wait(for: POLLIN, until: deadline, "reading, after: \(text)")
        }
    }

    /// Everything that was received and not yet taken.
    package func takeReceived() -> [UInt8] {
        defer { received = [] }
        return received
    }

    // MARK: -

    private var text: String { String(decoding: received, as: UTF8.self) }

    private func take(_ count: Int) -> String {
        defer { received.removeFirst(count) }
        return String(decoding: received[..<count], as: UTF8.self)
    }

    /// Throws after the deadline, even if the peer never stops sending.
    private func notAfter(_ deadline: ContinuousClock.Instant) throws(RawClientError) {
        if .now > deadline { throw RawClientError("time is up while more and more comes: \(received.count) bytes") }
    }

    private func wait(
        for events: Int32, until deadline: ContinuousClock.Instant, _ what: @autoclosure () -> String
    ) throws(RawClientError) {
        let left = (deadline - .now) / .milliseconds(1)
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        guard left > 0, poll(&entry, 1, Int32(min(left, 60_000)) + 1) != 0 else {
            throw RawClientError("time is up while \(what())")
        }
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// A failure of a `RawClient`.
package struct RawClientError: Error, CustomStringConvertible {
    package let description: String
    /// 0 if no system call failed.
    package var errno: Int32 = 0

    init(_ description: String) {
        self.description = description
    }

    init(errno code: Int32, in call: String) {
        description = "\(call): \(systemError(code))"
        errno = code
    }
}

/// A response as received.
package struct RawResponse {
    /// Status line and headers, including the empty line after them.
    package let head: String
    package var body = ""

    package var status: Int { head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0 }

    /// The header lines, in order, without their line ends.
    package var headerLines: [String] {
        head.split(separator: "\r\n").dropFirst().map(String.init)
    }

    /// The first header of that name, whatever its case.
    package subscript(name: String) -> String? {
        let prefix = name.lowercased() + ":"
        guard let line = headerLines.first(where: { $0.lowercased().hasPrefix(prefix) }) else { return nil }
        return String(line.dropFirst(prefix.count).drop { $0 == " " })
    }
}

extension [UInt8] {
    /// The end of the first occurrence of `pattern` at or after `start`.
    fileprivate func firstEnd(of pattern: [UInt8], from start: Int) -> Int? {
        guard !pattern.isEmpty, count >= pattern.count else { return nil }
        var index = start
        while index <= count - pattern.count {
            if self[index] == pattern[0], self[index..<index + pattern.count].elementsEqual(pattern) {
                return index + pattern.count
            }
            index += 1
        }
        return nil
    }
}
