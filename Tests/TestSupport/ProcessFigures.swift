package import Glibc

/// What the kernel says about a running process.
package struct ProcessFigures: Sendable {
    package let descriptors: Int
    package let threads: Int
    /// User and system time.
    package let processorTime: Duration
    /// Memory that is the process's own.
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

        // proc(5): behind the name in parentheses come fields 3 and on; utime and stime are fields 14 and 15.
        let fields = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        let ticks = fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
        processorTime = .seconds(1) * ticks / sysconf(Int32(_SC_CLK_TCK))
    }
}

extension ProcessFigures {
    /// Waits until a figure is as wanted. The kernel tells nobody when these change, so they are looked at again and again.
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

/// What the kernel says of a thread of this process; proc(5).
package struct ThreadState: Sendable {
    private let path: String

    /// Of the thread that asks.
    package init() {
        var target = [UInt8](repeating: 0, count: 64)
        let length = target.withUnsafeMutableBytes {
            readlink("/proc/thread-self", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        path = "/proc/" + String(decoding: target.prefix(max(0, length)), as: UTF8.self) + "/stat"
    }

    /// It waits for something: its state stands behind the name in parentheses.
    package var isAsleep: Bool {
        guard let stat = readFile(path), let name = stat.lastIndex(of: UInt8(ascii: ")")) else { return false }
        return stat[name...].starts(with: ") S".utf8)
    }
}

/// What a symbolic link says; `nil` for anything else.
package func linkTarget(_ path: String) -> String? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = target.withUnsafeMutableBytes {
        readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return length < 0 ? nil : String(decoding: target[..<length], as: UTF8.self)
}
