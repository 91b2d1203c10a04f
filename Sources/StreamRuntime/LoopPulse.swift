import StreamLoop
import Synchronization
package import SystemCalls

/// Shows whether a loop turns, and how late it does what it is asked: another thread asks it again and again, and it
/// notes that it was asked.
final class LoopPulse: Sendable {
    /// When it was last asked, and the question that it answered last. They are equal if it owes no answer.
    private let asked = Atomic<MonotonicNanoseconds>(0)
    private let answered = Atomic<MonotonicNanoseconds>(0)
    /// How long its last answer took.
    private let delay = Atomic<Nanoseconds>(0)

    /// For one thread at a time. Asks the loop, unless it still owes an answer: a loop that does not turn is not given
    /// more to do.
    func ask(_ streams: LoopStreams, at now: MonotonicNanoseconds) {
        let last = asked.load(ordering: .relaxed)
        // Each question needs a time of its own.
        guard answered.load(ordering: .acquiring) == last, now > last else { return }
        asked.store(now, ordering: .relaxed)
        streams.loop.post {
            streams.pulse.delay.store(streams.loop.system.now() - now, ordering: .relaxed)
            streams.pulse.answered.store(now, ordering: .releasing)
        }
    }

    /// How long it has owed an answer; 0: it owes none.
    func silence(at now: MonotonicNanoseconds) -> Nanoseconds {
        // In this order: a question that comes in between is not taken for one that was never answered.
        let last = answered.load(ordering: .acquiring)
        let asked = asked.load(ordering: .relaxed)
        return asked == last ? 0 : max(0, now - asked)
    }

    /// How long it takes to answer: the time that the last answer took, or that the next one already takes.
    func lag(at now: MonotonicNanoseconds) -> Nanoseconds { max(delay.load(ordering: .relaxed), silence(at: now)) }
}

extension Runtime {
    /// Asks each loop whether it turns. One thread calls this at regular intervals, once the loops have started.
    package func askLoops(at now: MonotonicNanoseconds = monotonicNanoseconds()) {
        for streams in loops { streams.pulse.ask(streams, at: now) }
    }

    /// How long the loop that is silent longest has owed an answer; 0: none owes one.
    package func loopSilence(at now: MonotonicNanoseconds = monotonicNanoseconds()) -> Nanoseconds {
        loops.reduce(0) { max($0, $1.pulse.silence(at: now)) }
    }
}
