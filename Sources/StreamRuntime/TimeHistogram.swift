package import SystemCalls

/// How often something took how long, in buckets.
package struct TimeHistogram: Sendable, Equatable {
    /// The longest time of each bucket, from 10 µs to 30 s, in nanoseconds; one more bucket is for all that is longer.
    package static let bounds: [Nanoseconds] = [
        10_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000, 50_000_000, 100_000_000, 500_000_000,
        1_000_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000,
    ]

    /// In each bucket alone.
    package private(set) var counts = [Int](repeating: 0, count: bounds.count + 1)
    package private(set) var sum: Nanoseconds = 0

    package init() {}

    package var count: Int { counts.reduce(0, +) }

    /// - Parameter times: how often it took that long. A clock that has gone back counts as no time.
    package mutating func add(_ time: Nanoseconds, times: Int = 1) {
        var bucket = 0
        while bucket < Self.bounds.count, time > Self.bounds[bucket] { bucket += 1 }
        counts[bucket] += times
        sum += max(0, time) * Nanoseconds(times)
    }

    package mutating func add(_ other: TimeHistogram) {
        for bucket in counts.indices { counts[bucket] += other.counts[bucket] }
        sum += other.sum
    }
}
