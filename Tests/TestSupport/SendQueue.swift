import Glibc

extension SluiceServer {
    /// Waits until the kernel holds unsent bytes toward a client and takes no more: from then on the server has a write pending.
    /// The kernel tells nobody, so `/proc/net/tcp` is looked at until it shows the same amount several times.
    package func waitUntilSendQueueRests(toward client: RawClient, within limit: Duration = .seconds(10)) throws {
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

    private func sendQueue(toward remote: Int) -> Int {
        // proc(5): sl, local address:port, remote address:port, state, tx_queue:rx_queue, in hexadecimal.
        for line in String(decoding: readFile("/proc/net/tcp") ?? [], as: UTF8.self).split(separator: "\n").dropFirst()
        {
            let fields = line.split(separator: " ")
            guard fields.count > 4, Self.hex(fields[1]) == port, Self.hex(fields[2]) == remote else { continue }
            return fields[4].split(separator: ":").first.flatMap { Int($0, radix: 16) } ?? 0
        }
        return 0
    }

    private static func hex(_ address: Substring) -> Int? {
        address.split(separator: ":").last.flatMap { Int($0, radix: 16) }
    }
}
