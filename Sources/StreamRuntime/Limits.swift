package import SystemCalls

/// The limits of a running server. Each is named like its flag.
package struct Limits: Sendable {
    /// Streams at a time, of all producers together.
    package var maxStreams = 100_000
    package var maxStreamsPerProducer = 100_000
    /// Streams of one client at a time, and streams that it may open per second, by its address and by its identity;
    /// 0: unlimited.
    package var maxStreamsPerAddress = 0
    package var maxStreamsPerIdentity = 0
    package var maxOpensPerAddress = 0
    package var maxOpensPerIdentity = 0
    /// Streams of blocking producers at a time: each one has a thread.
    package var maxThreads = 256
    /// The stack of a stream's thread. It is address space, and takes memory only as far as it is used. Bytes.
    package var stackBytes = 8 << 20
    /// Calls of one stream that are scheduled and have not run yet.
    package var maxScheduledCalls = 10_000
    /// Shared streams of one producer at a time, each with its own parameters.
    package var maxHubsPerProducer = 1_000
    /// Memory for the requests that are kept to reopen resumable streams.
    package var maxKeptRequestBytes = 256 << 20
    /// How shared streams behave, except those of the producers named in `hubs`.
    package var hub = HubSettings()
    package var hubs: [String: HubSettings] = [:]
    /// Bytes that may wait between a thread (or `emit`) and the stream's loop.
    package var handoffBytes = 64 * 1024
    /// A comment is sent after this much silence; that of a stream with one subscriber less a jitter of up to a tenth.
    package var keepAlive: Nanoseconds = 15_000_000_000
    /// How long a subscriber may go without taking a byte.
    package var writeDeadline: Nanoseconds = 30_000_000_000
    /// Maximum age of a stream; 0: unlimited.
    package var maxAge: Nanoseconds = 0
    /// The reconnection time that subscribers are given, with a jitter of up to a quarter either way. Milliseconds.
    package var retryMilliseconds: Int64 = 2_000
    /// A non-blocking producer that holds its loop for this long is moved to threads.
    package var stallLimit: Nanoseconds = 50_000_000
    /// A call of a non-blocking producer that has not returned after this long loses its loop.
    package var callDeadline: Nanoseconds = 1_000_000_000
    /// A stream that is still running this long after it should have ended is reported.
    package var stuckReport: Nanoseconds = 5_000_000_000

    /// How long a stream that another generation is to continue rests while the new stream opens.
    package var migrationDeadline: Nanoseconds = 5_000_000_000

    package init() {}
}
