import Glibc
import Logging
import StreamLoop

/// How a serving process ends, once all is done that it could do.
struct ProcessEnd {
    /// 0; 1 if something was left behind.
    let status: Int32
    let logFormat: LogFormat

    /// The longest that destructors and functions of atexit(3) may take. Nanoseconds.
    static let grace: Int64 = 2_000_000_000

    /// Plugins and their libraries may have destructors, and these may never return: they run on a thread of their own.
    func leave() -> Never {
        // A thread that never returned from a plugin must not meet the destructors of its own library.
        if status != 0 { _exit(status) }
        ExitWatch.end()
        guard startThread(named: "sluice-exit", stackBytes: 8 << 20, { exit(0) }) else { _exit(status) }
        let deadline = monotonicNanoseconds() + Self.grace
        while monotonicNanoseconds() < deadline { poll(nil, 0, 100) }
        let line = LogLine(
            time: .now, level: .error,
            message: "stopped, but a destructor of a plugin or of one of its libraries does not return", metadata: [:])
        writeFully(logFormat == .json ? line.json : line.text, to: STDERR_FILENO)
        _exit(1)
    }
}
