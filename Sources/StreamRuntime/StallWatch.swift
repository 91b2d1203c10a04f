import StreamLoop
import SystemCalls

/// Tells a producer that holds its loop from a machine that is too busy to run the loop's thread: both look the same to a clock.
struct StallWatch {
    private var runDelay: Nanoseconds = 0
    private var processorTime: Nanoseconds = 0
    private var readAt: MonotonicNanoseconds = 0
    /// The others are read so often even if nothing is wrong, so that little of what lies before a call counts for it. They are not
    /// read for every call, as that costs a microsecond or two.
    private static let readingInterval: Nanoseconds = 100_000_000

    struct Stall {
        /// Without the time in which the thread waited for a processor.
        let elapsed: Nanoseconds
        /// What the thread has computed, at most; in the rest of the time it waited for something, or was stopped.
        let processorTime: Nanoseconds
    }

    /// - Returns: `nil` for a call that took no longer than the limit.
    mutating func stall(
        from start: MonotonicNanoseconds, to end: MonotonicNanoseconds, limit: Nanoseconds, on system: LoopSystem
    ) -> Stall? {
        let elapsed = end - start
        guard elapsed > limit || end - readAt > Self.readingInterval else { return nil }
        let (delay, processor) = (system.runDelay(), system.processorTime())
        defer { (runDelay, processorTime, readAt) = (delay, processor, end) }
        let own = elapsed - (delay - runDelay)
        return own > limit ? Stall(elapsed: own, processorTime: min(own, processor - processorTime)) : nil
    }
}
