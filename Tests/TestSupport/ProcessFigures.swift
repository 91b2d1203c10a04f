package import Glibc

/// The kernel's figures for a running process.
package struct ProcessFigures: Sendable {
    package let descriptors: Int
    package let threads: Int
    /// User and system time.
    package let processorTime: Duration
    /// Memory that belongs to the process alone.
    package let residentBytes: Int

    package init(of pid: pid_t) throws(TestFailure) {
        guard let status = readFile("/proc/\(pid)/status"), let stat = readFile("/proc/\(pid)/stat"),
            let directory = opendir("/proc/\(pid)/fd")
        else { throw TestFailure("there is no process \(pid)") }
        defer { closedir(directory) }
        var entries = 0
        while let entry = readdir(directory) {
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { entries += 1 }
        }
        descriptors = entries

        func number(_ name: String) -> Int {
            let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(name + ":") }
            return line?.split { $0 == ":" || $0 == "\t" || $0 == " " }.dropFirst().first.flatMap { Int($0) } ?? 0
        }
        threads = number("Threads")
        residentBytes = number("RssAnon") * 1024

        // proc(5): fields 3 and later follow the name in parentheses; utime and stime are fields 14 and 15.
        let fields = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        let ticks = fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
        processorTime = .seconds(1) * ticks / sysconf(Int32(_SC_CLK_TCK))
    }
}

extension ProcessFigures {
    /// Waits until the condition holds. The kernel does not report changes, so it is checked repeatedly.
    package static func wait(
        for pid: pid_t, within limit: Duration = .seconds(10), until condition: (ProcessFigures) -> Bool
    ) throws(TestFailure) -> ProcessFigures {
        let deadline = ContinuousClock.now + limit
        while true {
            let figures = try ProcessFigures(of: pid)
            if condition(figures) { return figures }
            guard ContinuousClock.now < deadline else { throw TestFailure("in \(limit) it came only to \(figures)") }
            usleep(5000)
        }
    }
}

/// The kernel's state of a thread of this process; proc(5).
package struct ThreadState: Sendable {
    private let path: String

    /// The calling thread.
    package init() {
        var target = [UInt8](repeating: 0, count: 64)
        let length = target.withUnsafeMutableBytes {
            readlink("/proc/thread-self", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        path = "/proc/" + String(decoding: target.prefix(max(0, length)), as: UTF8.self) + "/stat"
    }

    /// Whether the thread is waiting: its state follows the name in parentheses.
    package var isAsleep: Bool {
        guard let stat = readFile(path), let name = stat.lastIndex(of: UInt8(ascii: ")")) else { return false }
        return stat[name...].starts(with: ") S".utf8)
    }
}

/// The target of a symbolic link; `nil` for anything else.
package func linkTarget(_ path: String) -> String? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = target.withUnsafeMutableBytes {
        readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return length < 0 ? nil : String(decoding: target[..<length], as: UTF8.self)
}
