import StreamLoop
import SystemCalls

/// Distinguishes a producer that holds its loop from a machine that is too busy to run the loop's thread: to a clock,
/// both look the same.
struct StallWatch {
    private var runDelay: Nanoseconds = 0
    private var processorTime: Nanoseconds = 0
    private var readAt: MonotonicNanoseconds = 0
    /// How often run delay and processor time are read even if nothing is wrong, so that little of what precedes a call
    /// is attributed to it. They are not read for every call, as that costs a microsecond or two.
    private static let readingInterval: Nanoseconds = 100_000_000

    struct Stall {
        /// Excludes the time in which the thread waited for a processor.
        let elapsed: Nanoseconds
        /// At most how long the thread has computed; the rest of the time it waited for something, or was stopped.
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
