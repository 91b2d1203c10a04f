import Glibc
import Logging
import Synchronization
import SystemCalls

/// [load-thread] of sluice.h: lines that are logged on it without a stream are known to be the plugin's. Each entry and
/// each shutdown has a thread of its own, so that one that never returns does not block the others.
enum LoadThread {
    private struct Speaker {
        let logger: Logger
        var lines: [String] = []
        let budget = LogBudget()
    }

    private static let speakers = Mutex<[pthread_t: Speaker]>([:])

    /// At most this many lines are kept for a refusal.
    static let linesMax = 4

    /// Runs code of a plugin that has no stream, on the calling thread.
    /// - Returns: what it returned, and the first lines that it logged.
    static func run<Answer>(logger: Logger, _ body: () -> Answer) -> (answer: Answer, lines: [String]) {
        let thread = pthread_self()
        speakers.withLock { $0[thread] = Speaker(logger: logger) }
        let answer = body()
        let speaker = speakers.withLock { $0.removeValue(forKey: thread) }
        // Its second may not be over yet, but it logs nothing more.
        LogBudget.tell(speaker?.budget.takeLeftOut(now: .max) ?? 0, logger)
        return (answer, speaker?.lines ?? [])
    }

    /// Whether the calling thread is a load thread.
    static var isCurrent: Bool { speakers.withLock { $0[pthread_self()] != nil } }

    /// Only on a load thread.
    static func hear(_ message: String, level: Logger.Level) {
        let thread = pthread_self()
        let speaker = speakers.withLock { speakers -> Speaker? in
            guard let lines = speakers[thread]?.lines else { return nil }
            if lines.count < linesMax { speakers[thread]?.lines.append(message) }
            return speakers[thread]
        }
        guard let speaker else { return }
        let (isAdmitted, leftOut) = speaker.budget.admit(now: monotonicNanoseconds())
        LogBudget.tell(leftOut, speaker.logger)
        if isAdmitted { speaker.logger.log(level: level, "\(message)") }
    }
}
