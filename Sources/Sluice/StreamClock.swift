/// The clock of a stream's event loop: a sleep on it costs a timer of that loop, and no change of thread.
///
/// Its time is that of `ContinuousClock`. Sleeps have a resolution of one millisecond; outside a stream's tasks, they
/// are those of that clock.
public struct StreamClock: Clock {
    public typealias Instant = ContinuousClock.Instant

    public init() {}

    public var now: Instant { ContinuousClock.now }
    public var minimumResolution: Duration { .milliseconds(1) }

    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        guard let home = HomeExecutor.current else {
            return try await ContinuousClock().sleep(until: deadline, tolerance: tolerance)
        }
        if Task.isCancelled {
            // Who heeds no cancellation and sleeps again and again must let others run.
            await Task.yield()
            throw CancellationError()
        }
        let nanoseconds = now.duration(to: deadline).nanoseconds
        if nanoseconds > 0 { try await home.timers.sleep(nanoseconds: nanoseconds) }
    }
}

extension Clock where Self == StreamClock {
    /// The clock of the stream's home loop.
    public static var stream: StreamClock { StreamClock() }
}

/// Ticks at a fixed interval; the first comes after one interval.
///
/// Delays do not add up; ticks that could not be delivered in time are skipped. The sequence ends when the task is
/// cancelled.
public func ticks(every interval: Duration) -> Ticks { Ticks(interval: max(interval, .milliseconds(1))) }

/// See `ticks(every:)`.
public struct Ticks: AsyncSequence, Sendable {
    public typealias Element = ContinuousClock.Instant
    public typealias Failure = Never

    fileprivate let interval: Duration

    public func makeAsyncIterator() -> Iterator { Iterator(interval: interval) }

    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let interval: Duration
        private var last: ContinuousClock.Instant?

        fileprivate init(interval: Duration) { self.interval = interval }

        public mutating func next() async -> ContinuousClock.Instant? {
            let now = ContinuousClock.now
            var due = (last ?? now) + interval
            if due < now {
                // Whole intervals that have passed meanwhile.
                due += interval * ((now - due) / interval).rounded(.down)
            }
            last = due
            do {
                try await StreamClock().sleep(until: due)
                return due
            } catch {
                return nil
            }
        }
    }
}
