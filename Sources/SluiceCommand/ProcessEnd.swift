import CStart
import Glibc
import Locks
import StreamLoop

/// The end of this program, whatever it was asked for.
enum ProcessEnd {
    /// The longest that flushing may take: a thread of a plugin may hold the lock of a stream of the C library.
    /// Seconds.
    private static let flushSeconds = 1

    /// Ends the process without what plugins and their libraries have left for it, destructors and functions of
    /// atexit(3): they would run among threads that go on, and may hang, or crash. What a plugin has to do at its end,
    /// its `shutdown` does.
    static func leave(_ status: Int32) -> Never {
        ExitWatch.end()
        let flushed = Semaphore()
        let isStarted = startThread(named: "sluice-flush", stackBytes: 64 * 1024) {
            fflush(nil)
            flushed.post()
        }
        if isStarted { _ = flushed.wait(seconds: flushSeconds) }
        sluice_end(status)
    }
}
