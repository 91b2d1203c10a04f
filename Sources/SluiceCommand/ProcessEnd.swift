import CStart
import Glibc
import Locks
import StreamLoop

/// The end of this program, for all commands.
enum ProcessEnd {
    /// How long flushing may take, because a plugin's thread can hold the lock of a C library stream. Seconds.
    private static let flushSeconds = 1

    /// Exits without running the destructors and atexit(3) functions of plugins and their libraries: these would run
    /// while other threads continue, and could hang or crash. Plugins clean up in their `shutdown`.
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
