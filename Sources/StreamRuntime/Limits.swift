package import SystemCalls

/// What a running server never exceeds. Each has the name of its flag.
package struct Limits: Sendable {
    /// Streams at a time, of all producers.
    package var maxStreams = 100_000
    package var maxStreamsPerProducer = 100_000
    /// Streams of blocking producers at a time: each has a thread.
    package var maxThreads = 256
    /// The stack of a stream's thread: address space, which takes memory as far as it is used. Bytes.
    package var stackBytes = 8 << 20
    /// Calls of one stream that are scheduled and have not run.
    package var maxScheduledCalls = 10_000
    /// Shared streams of one producer at a time, each with parameters of its own.
    package var maxHubsPerProducer = 1_000
    /// What the requests take that are kept to open resumable streams anew.
    package var maxKeptRequestBytes = 256 << 20
    /// How shared streams behave, but for those of the producers named in `hubs`.
    package var hub = HubSettings()
    package var hubs: [String: HubSettings] = [:]
    /// Bytes that wait between a thread (or `emit`) and the stream's loop.
    package var handoffBytes = 64 * 1024
    /// A comment is sent after so long a silence, jittered down by up to a tenth.
    package var keepAlive: Nanoseconds = 15_000_000_000
    /// How long a subscriber may take no byte at all.
    package var writeDeadline: Nanoseconds = 30_000_000_000
    /// Maximum age of a stream; 0: unlimited.
    package var maxAge: Nanoseconds = 0
    /// The reconnection time that subscribers are told, jittered by a quarter either way. Milliseconds.
    package var retryMilliseconds: Int64 = 2_000
    /// A non-blocking producer that holds its loop for so long is moved to threads.
    package var stallLimit: Nanoseconds = 50_000_000
    /// A call of a non-blocking producer that has not returned after so long loses its loop.
    package var callDeadline: Nanoseconds = 1_000_000_000
    /// A stream that still runs so long after it should have ended is reported.
    package var stuckReport: Nanoseconds = 5_000_000_000

    /// How long a stream that is to be continued by another generation rests while that one opens.
    package var migrationDeadline: Nanoseconds = 5_000_000_000

    package init() {}
}
