import StreamLoop

/// Tells a producer that holds its loop from a machine that is too busy to run the loop's thread: both look the same to a clock.
struct StallWatch {
    private var runDelay: Int64 = 0
    private var readAt: Int64 = 0
    /// The run delay is read so often even if nothing is wrong, so that little of what lies before a call counts for it. It is not
    /// read for every call, as that costs a microsecond or two. Nanoseconds.
    private static let readingInterval: Int64 = 100_000_000

    /// How long a call took, in nanoseconds, without the time in which its thread waited for a processor.
    /// - Parameter limit: exact only for calls that took longer than this.
    mutating func ownTime(from start: Int64, to end: Int64, limit: Int64, on system: LoopSystem) -> Int64 {
        let elapsed = end - start
        guard elapsed > limit || end - readAt > Self.readingInterval else { return elapsed }
        let total = system.runDelay()
        defer {
            runDelay = total
            readAt = end
        }
        return elapsed > limit ? max(0, elapsed - (total - runDelay)) : elapsed
    }
}
