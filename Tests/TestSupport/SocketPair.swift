import Glibc

/// Two connected sockets: the stream's and its peer's.
package final class SocketPair {
    package private(set) var ours: Int32
    package private(set) var peer: Int32

    /// - Parameter tcp: over loopback; otherwise within the kernel.
    package init(tcp: Bool) {
        if tcp {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(listener, pointer, size) == 0 && listen(listener, 1) == 0
                        && getsockname(listener, pointer, &size) == 0
                }
            }
            precondition(result, "no loopback")
            let peer = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let connected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(peer, $0, size) }
            }
            precondition(connected == 0, "no connection over loopback")
            self.peer = peer
            ours = accept(listener, nil, nil)
            close(listener)
        } else {
            var pair: [Int32] = [0, 0]
            precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0, "no socket pair")
            (ours, peer) = (pair[0], pair[1])
        }
        var kilobytes: Int32 = 16 * 1024
        setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &kilobytes, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &kilobytes, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit {
        if ours >= 0 { close(ours) }
        if peer >= 0 { close(peer) }
    }

    /// The stream's descriptor, which the caller must close.
    package func takeOurs() -> Int32 {
        defer { ours = -1 }
        return ours
    }

    package func closePeer() {
        close(peer)
        peer = -1
    }

    /// Resets the connection from the peer's side: RST.
    package func resetPeer() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        closePeer()
    }

    package func peerWrites(_ count: Int) {
        let bytes = [UInt8](repeating: 0x78, count: count)
        precondition(send(peer, bytes, count, Int32(MSG_NOSIGNAL)) == count, "the peer could not write")
    }

    /// The bytes that the peer has received so far.
    package func peerReads(atMost limit: Int = 1 << 20) -> [UInt8] {
        var waiting: Int32 = 0
        guard ioctl(peer, UInt(FIONREAD), &waiting) == 0, waiting > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: min(limit, Int(waiting))) { buffer, count in
            count = max(0, recv(peer, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT)))
        }
    }
}
