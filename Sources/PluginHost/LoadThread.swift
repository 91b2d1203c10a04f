import Glibc
import Logging
import Synchronization

/// [load-thread] of sluice.h: entries and shutdowns run one at a time, and what they log without naming a stream is known to be
/// theirs.
enum LoadThread {
    private struct Speaker {
        let thread: pthread_t
        let logger: Logger
        var lines: [String] = []
    }

    private static let turn = Mutex<Void>(())
    private static let speaker = Mutex<Speaker?>(nil)

    /// At most so many lines are kept for a refusal.
    static let linesMax = 4

    /// Runs code of a plugin that has no stream.
    /// - Returns: what it returned, and the first lines that it logged.
    static func run<Answer>(logger: Logger, _ body: () -> Answer) -> (answer: Answer, lines: [String]) {
        turn.withLock { _ in
            speaker.withLock { $0 = Speaker(thread: pthread_self(), logger: logger) }
            let answer = body()
            let lines = speaker.withLock { speaker in
                defer { speaker = nil }
                return speaker?.lines ?? []
            }
            return (answer, lines)
        }
    }

    /// - Returns: `false` if this thread is not the load thread.
    static func hear(_ message: String, level: Logger.Level) -> Bool {
        let logger = speaker.withLock { speaker -> Logger? in
            guard let current = speaker, pthread_equal(current.thread, pthread_self()) != 0 else { return nil }
            if current.lines.count < linesMax { speaker?.lines.append(message) }
            return current.logger
        }
        logger?.log(level: level, "\(message)")
        return logger != nil
    }
}
