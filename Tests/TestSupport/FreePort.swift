import Glibc

/// A port of loopback that is free and is not allocated by chance: it is below those that the kernel uses for outgoing
/// connections (ip(7), ip_local_port_range).
package func freePort() throws(TestFailure) -> Int {
    for _ in 0..<100 {
        let port = UInt16.random(in: 10_000..<32_000)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isBound { return Int(port) }
    }
    throw TestFailure("no port is free")
}
