import Glibc

extension SluiceServer {
    /// Waits until the kernel holds unsent bytes for a client and accepts no more: from then on, the server has a write
    /// pending. The kernel does not report this, so `/proc/net/tcp` is read until it shows the same amount several
    /// times.
    package func waitUntilSendQueueRests(toward client: RawClient, within limit: Duration = .seconds(30)) throws {
        let remote = client.localPort
        let deadline = ContinuousClock.now + limit
        var previous = 0
        var same = 0
        while same < 5 {
            let queued = sendQueue(toward: remote)
            same = queued > 0 && queued == previous ? same + 1 : 0
            previous = queued
            guard ContinuousClock.now < deadline else {
                throw TestFailure("the send queue never rests: \(queued) bytes")
            }
            usleep(20_000)
        }
    }

    /// proc(5): a line has local address:port, remote address:port, state (01: established), tx_queue:rx_queue, in
    /// hexadecimal. The file can have tens of thousands of lines, so it is searched and not parsed.
    private func sendQueue(toward remote: Int) -> Int {
        guard let table = readFile("/proc/net/tcp") else { return 0 }
        let line = ":\(Self.hex(port)) 0100007F:\(Self.hex(remote)) 01 "
        return (table + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                strstr(text.baseAddress!, line).map { Int(strtoul($0 + line.utf8.count, nil, 16)) } ?? 0
            }
        }
    }

    private static func hex(_ port: Int) -> String {
        let digits = String(port, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }
}
