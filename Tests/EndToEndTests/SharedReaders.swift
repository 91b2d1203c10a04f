import Glibc
import TestSupport

/// Many readers of one shared stream of numbers, on one thread. Each must get every number, once and in order.
final class SharedReaders {
    private struct Reader {
        let client: RawClient
        /// The line that is being read; only its beginning is kept.
        var line: [UInt8] = []
        var last = 0
        var hasEnded = false
    }

    private var readers: [Reader] = []
    private(set) var faults: [String] = []
    /// Whether they joined after the stream had begun: the first number can then be any.
    private let isLate: Bool

    /// Connects the readers, and waits until each has the head of its response.
    init(_ server: SluiceServer, _ target: String, count: Int, isLate: Bool = false) throws {
        self.isLate = isLate
        for _ in 0..<count {
            let subscriber = try server.subscribe(target)
            _ = try subscriber.head()
            readers.append(Reader(client: subscriber.client))
        }
        for index in readers.indices {
            try readers[index].client.read { _ in true }.withUnsafeBytes { feed($0, to: index) }
        }
    }

    /// The last number of each reader.
    var numbers: [Int] { readers.map(\.last) }

    /// Reads until all streams have ended, or until the condition holds.
    func read(within limit: Duration, until isEnough: () -> Bool = { false }) throws {
        let deadline = ContinuousClock.now + limit
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while !isEnough() {
            let indices = readers.indices.filter { !readers[$0].hasEnded }
            var waiting = indices.map {
                pollfd(fd: readers[$0].client.descriptor, events: Int16(POLLIN), revents: 0)
            }
            guard !waiting.isEmpty else { return }
            guard ContinuousClock.now < deadline else {
                throw TestFailure("\(waiting.count) readers have not ended; they are at \(Set(numbers).sorted())")
            }
            poll(&waiting, nfds_t(waiting.count), 1000)
            for (place, index) in indices.enumerated() where waiting[place].revents != 0 {
                let count = recv(waiting[place].fd, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                if count <= 0 {
                    readers[index].hasEnded = count == 0 || (errno != EAGAIN && errno != EINTR)
                    continue
                }
                buffer.withUnsafeBytes { feed(UnsafeRawBufferPointer(rebasing: $0[..<count]), to: index) }
            }
        }
    }

    func close() {
        for reader in readers { reader.client.close() }
    }

    private func feed(_ bytes: UnsafeRawBufferPointer, to index: Int) {
        var rest = bytes
        while !rest.isEmpty {
            let newline = memchr(rest.baseAddress!, 0x0A, rest.count)
            let length = newline.map { UnsafeRawPointer($0) - rest.baseAddress! } ?? rest.count
            if readers[index].line.count < 32 {
                readers[index].line += rest[..<(rest.startIndex + min(length, 32))]
            }
            if newline != nil { take(index) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(newline == nil ? length : length + 1))
        }
    }

    /// Handles a complete line.
    private func take(_ index: Int) {
        defer { readers[index].line.removeAll(keepingCapacity: true) }
        // Most lines are ids and ends of events, and there can be a million of them.
        guard let first = readers[index].line.first, first == UInt8(ascii: "d") || first == UInt8(ascii: "e") else {
            return
        }
        let line = String(decoding: readers[index].line, as: UTF8.self)
        if line == "event: sluice-open" || line == "event: sluice-end" { return }
        if line.hasPrefix("event:") { faults.append("reader \(index), behind \(readers[index].last): \(line)") }
        guard line.hasPrefix("data: ") else { return }
        let number = Int(line.dropFirst(6).prefix { $0 != " " }) ?? -1
        if number != readers[index].last + 1, readers[index].last > 0 || !isLate {
            faults.append("reader \(index): \(number) follows \(readers[index].last)")
        }
        readers[index].last = number
    }
}
