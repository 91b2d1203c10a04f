import Glibc
import SystemCalls
import TestSupport

/// Many readers of streams with events "number build", on one thread. Each must get every number once and in order,
/// from builds that never get older, in a response that does not end.
final class MarkedReaders {
    private struct Reader {
        let client: RawClient
        let target: String
        var line: [UInt8] = []
        var last = 0
        var build = 0
        var lastAt: Int64 = 0
        /// The longest time without an event since the last call of `takePauses`. Nanoseconds.
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

    /// The oldest build that some reader still gets events from.
    var oldestBuild: Int { readers.map(\.build).min() ?? 0 }

    /// For each reader, the longest time between two events since the last call, in nanoseconds.
    func takePauses() -> [Int64] {
        readers.indices.map { index in
            defer { readers[index].longestPause = 0 }
            return readers[index].longestPause
        }
    }

    /// Reads until the condition holds.
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
                    // poll(2) ignores it from now on.
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
            let part = UnsafeRawBufferPointer(rebasing: rest[..<length])
            if newline == nil {
                readers[index].line += part
                return
            }
            if readers[index].line.isEmpty {
                take(part, index, now)
            } else {
                // Lines sometimes arrive in two pieces.
                readers[index].line += part
                let line = readers[index].line
                readers[index].line = []
                line.withUnsafeBytes { take($0, index, now) }
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
        }
    }

    /// Handles a complete line. It does not allocate memory for each line: on a busy machine, the readers must not be
    /// slower than the server.
    private func take(_ line: UnsafeRawBufferPointer, _ index: Int, _ now: Int64) {
        guard let first = line.first, !Self.isEqual(line, "event: sluice-open"), !Self.isEqual(line, "data:") else {
            return
        }
        if first == UInt8(ascii: "e") {
            faults.append("reader \(index) of \(readers[index].target): \(String(decoding: line, as: UTF8.self))")
        }
        guard first == UInt8(ascii: "d") else { return }
        var (number, build, isBuild) = (0, 0, false)
        for byte in line.dropFirst("data: ".utf8.count) {
            if byte == UInt8(ascii: " ") {
                isBuild = true
            } else if isBuild {
                build = build * 10 + Int(byte) - 48
            } else {
                number = number * 10 + Int(byte) - 48
            }
        }
        let (last, lastBuild) = (readers[index].last, readers[index].build)
        if (last > 0 && number != last + 1) || build < lastBuild {
            faults.append(
                "reader \(index) of \(readers[index].target): \(number) of build \(build) follows \(last) of build \(lastBuild)"
            )
        }
        if last > 0 { readers[index].longestPause = max(readers[index].longestPause, now - readers[index].lastAt) }
        readers[index].last = number
        readers[index].build = build
        readers[index].lastAt = now
        eventCount += 1
    }

    private static func isEqual(_ line: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        line.count == text.utf8CodeUnitCount && memcmp(line.baseAddress!, text.utf8Start, line.count) == 0
    }
}
