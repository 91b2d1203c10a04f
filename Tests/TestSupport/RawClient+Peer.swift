import Glibc

extension RawClient {
    /// The other end of the connection, if it is in this process, because the server runs in it.
    package var descriptorOfPeer: Int32? {
        let port = localPort
        // Tests that use up descriptors can run at the same time.
        return (0..<Int32(clamping: sysconf(Int32(_SC_OPEN_MAX)))).first { candidate in
            var address = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(candidate, $0, &size) }
            }
            return result == 0 && address.sin_family == sa_family_t(AF_INET)
                && Int(UInt16(bigEndian: address.sin_port)) == port
        }
    }
}
