import Glibc
import StreamLoop
import Synchronization

/// Notices that a plugin has called exit(3), which would end this process without a word, and as if all were well.
enum ExitWatch {
    private static let process = Atomic<pid_t>(0)
    private static let telling = Mutex<(@Sendable () -> Void)?>(nil)

    /// From now on, an end of the process that it has not announced itself is told, and is a failure. Once per process.
    /// - Parameter tell: runs on a thread of its own.
    static func begin(_ tell: @escaping @Sendable () -> Void) {
        telling.withLock { $0 = tell }
        process.store(getpid(), ordering: .relaxed)
        atexit { ExitWatch.exit() }
    }

    /// The end that comes is this program's own.
    static func end() { process.store(0, ordering: .relaxed) }

    private static func exit() {
        // A child that a plugin has forked ends as it likes.
        guard process.load(ordering: .relaxed) == getpid() else { return }
        // Who calls exit may have little stack, and must not return from here: destructors would run among threads that go on.
        let isStarted = startThread(named: "sluice-exit", stackBytes: 512 * 1024) {
            telling.withLock(\.self)?()
            _exit(1)
        }
        guard isStarted else { _exit(1) }
        while true { pause() }
    }
}
