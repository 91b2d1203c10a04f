import Glibc
import TestSupport

/// Many readers of streams whose events are "number build", on one thread: each is checked for getting every number once and in order,
/// of a build that is never older than the one before, in a response that does not end.
final class MarkedReaders {
    private struct Reader {
        let client: RawClient
        let target: String
        var line: [UInt8] = []
        var last = 0
        var build = 0
        var lastAt: Int64 = 0
        /// The longest time without an event since it was last asked for. Nanoseconds.
        var longestPause: Int64 = 0
    }

    private var readers: [Reader] = []
    private var waiting: [pollfd] = []
    private(set) var faults: [String] = []
    private(set) var eventCount = 0

    /// Connects a reader to each target, and waits until each has the head of its response.
    init(_ server: SluiceServer, _ targets: [String]) throws {
        for target in targets {
            let subscriber = try server.subscribe(target)
            _ = try subscriber.head()
            readers.append(Reader(client: subscriber.client, target: target))
            waiting.append(pollfd(fd: subscriber.client.descriptor, events: Int16(POLLIN), revents: 0))
        }
        let now = monotonicNanoseconds()
        for index in readers.indices {
            readers[index].lastAt = now
            try readers[index].client.read { _ in true }.withUnsafeBytes { feed($0, to: index, at: now) }
        }
    }

    /// The oldest build that some reader still gets events of.
    var oldestBuild: Int { readers.map(\.build).min() ?? 0 }

    /// For each reader the longest time between two events since this was last asked, in nanoseconds.
    func takePauses() -> [Int64] {
        readers.indices.map { index in
            defer { readers[index].longestPause = 0 }
            return readers[index].longestPause
        }
    }

    /// Reads until it has read enough.
    func read(within limit: Duration, until isEnough: () -> Bool) throws {
        let deadline = ContinuousClock.now + limit
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while !isEnough() {
            guard ContinuousClock.now < deadline else {
                let late = readers.filter { $0.build == oldestBuild }.map(\.target)
                throw TestFailure(
                    "\(late.count) readers are still at build \(oldestBuild), as \(Set(late).sorted()); \(faults.count) faults, as \(faults.prefix(3))"
                )
            }
            guard poll(&waiting, nfds_t(waiting.count), 100) > 0 else { continue }
            let now = monotonicNanoseconds()
            for index in waiting.indices where waiting[index].revents != 0 {
                let count = recv(waiting[index].fd, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) {
                    faults.append(
                        "reader \(index) of \(readers[index].target) was disconnected at \(readers[index].last)")
                    // Ignored by poll(2) from here on.
                    waiting[index].fd = -1
                }
                if count > 0 {
                    buffer.withUnsafeBytes { feed(UnsafeRawBufferPointer(rebasing: $0[..<count]), to: index, at: now) }
                }
            }
        }
    }

    func close() {
        for reader in readers { reader.client.close() }
    }

    private func feed(_ bytes: UnsafeRawBufferPointer, to index: Int, at now: Int64) {
        var rest = bytes
        while let start = rest.baseAddress, rest.count > 0 {
            let newline = memchr(start, 0x0A, rest.count)
            let length = newline.map { UnsafeRawPointer($0) - start } ?? rest.count
            readers[index].line += rest[..<length]
            if newline == nil { return }
            take(index, now)
            rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
        }
    }

    /// A line is complete.
    private func take(_ index: Int, _ now: Int64) {
        let line = readers[index].line
        readers[index].line.removeAll(keepingCapacity: true)
        guard let first = line.first else { return }
        if first == UInt8(ascii: "e") {
            faults.append("reader \(index) of \(readers[index].target): \(String(decoding: line, as: UTF8.self))")
        }
        guard first == UInt8(ascii: "d") else { return }
        var numbers = [0]
        for byte in line.dropFirst("data: ".utf8.count) {
            if byte == UInt8(ascii: " ") {
                numbers.append(0)
            } else {
                numbers[numbers.count - 1] = numbers.last! * 10 + Int(byte) - 48
            }
        }
        let reader = readers[index]
        let isNext = reader.last == 0 || numbers[0] == reader.last + 1
        if !isNext || numbers[1] < reader.build {
            faults.append(
                "reader \(index) of \(reader.target): \(numbers[0]) of build \(numbers[1]) follows \(reader.last) of build \(reader.build)"
            )
        }
        if reader.last > 0 { readers[index].longestPause = max(reader.longestPause, now - reader.lastAt) }
        readers[index].last = numbers[0]
        readers[index].build = numbers[1]
        readers[index].lastAt = now
        eventCount += 1
    }
}
