import SystemCalls

/// A token bucket for each client that has opened a stream recently. An open takes a token; a second's worth of them,
/// which is also all that a bucket holds, comes back in a second.
///
/// So a bucket is full again one second after the last open, and then it need not be kept. Buckets are not looked for:
/// there are those of the current second and those of the one before, and every second, the older ones are dropped
/// together. However many addresses a client has, there are no more buckets than streams were opened in two seconds.
struct ClientRates {
    /// When a client's bucket will be full again.
    private var recent: [ClientKey: MonotonicNanoseconds] = [:]
    private var older: [ClientKey: MonotonicNanoseconds] = [:]
    /// When the recent ones began.
    private var start: MonotonicNanoseconds = 0

    private static let second: Nanoseconds = 1_000_000_000

    /// Takes a token of the client's bucket.
    /// - Parameter rate: at least 1. It can be another one each time.
    /// - Returns: `nil` if there was one; otherwise the time until there is one, at most a second.
    mutating func open(_ client: ClientKey, perSecond rate: Int, at now: MonotonicNanoseconds) -> Nanoseconds? {
        forgetFull(at: now)
        let full = max(recent[client] ?? older[client] ?? now, now)
        // The time in which one token comes back.
        let interval = Self.second / Nanoseconds(rate)
        let wait = full - now - interval * Nanoseconds(rate - 1)
        guard wait <= 0 else { return wait }
        recent[client] = full + interval
        return nil
    }

    /// Drops buckets that are full.
    mutating func forgetFull(at now: MonotonicNanoseconds) {
        guard now - start >= Self.second else { return }
        older = now - start < 2 * Self.second ? recent : [:]
        recent = [:]
        start = now
    }

    var bucketCount: Int { recent.count + older.count }
}
