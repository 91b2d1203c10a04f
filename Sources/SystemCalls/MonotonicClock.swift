import Glibc

/// `CLOCK_MONOTONIC` in nanoseconds; clock_gettime(2).
package func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// `CLOCK_REALTIME` in microseconds since 1970; clock_gettime(2).
package func wallClockMicroseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
}

/// `CLOCK_REALTIME` in seconds since 1970.
package func wallClockSeconds() -> Double { Double(wallClockMicroseconds()) / 1_000_000 }

/// A duration in nanoseconds; `Int64.max`: without end.
package typealias Nanoseconds = Int64

/// A time of the monotonic clock, in nanoseconds; `Int64.max`: never.
package typealias MonotonicNanoseconds = Int64
