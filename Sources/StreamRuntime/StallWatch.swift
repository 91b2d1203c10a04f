import StreamLoop

/// Tells a producer that holds its loop from a machine that is too busy to run the loop's thread: both look the same to a clock.
struct StallWatch {
    private var runDelay: Int64 = 0
    private var processorTime: Int64 = 0
    private var readAt: Int64 = 0
    /// The others are read so often even if nothing is wrong, so that little of what lies before a call counts for it. They are not
    /// read for every call, as that costs a microsecond or two. Nanoseconds.
    private static let readingInterval: Int64 = 100_000_000

    struct Stall {
        /// Without the time in which the thread waited for a processor. Nanoseconds, as the other.
        let elapsed: Int64
        /// What the thread has computed, at most; in the rest of the time it waited for something, or was stopped.
        let processorTime: Int64
    }

    /// - Returns: `nil` for a call that took no longer than the limit.
    mutating func stall(from start: Int64, to end: Int64, limit: Int64, on system: LoopSystem) -> Stall? {
        let elapsed = end - start
        guard elapsed > limit || end - readAt > Self.readingInterval else { return nil }
        let (delay, processor) = (system.runDelay(), system.processorTime())
        defer { (runDelay, processorTime, readAt) = (delay, processor, end) }
        let own = elapsed - (delay - runDelay)
        return own > limit ? Stall(elapsed: own, processorTime: min(own, processor - processorTime)) : nil
    }
}
