import NIOCore

/// How fast a request's body must arrive. No pause may last too long; and after a grace period, the body must have
/// brought a number of bytes for each second, not counting its longest pause. A steady upload can take as long as it
/// needs, and an upload that stops for a while is judged by that pause alone. One that trickles in to hold a connection
/// lasts no longer than a pause and the grace period.
struct BodyPace {
    private var start = NIODeadline.distantPast
    private var lastArrival = NIODeadline.distantPast
    private var longestPause = TimeAmount.zero
    private var pauseLimit = TimeAmount.zero
    private var grace = TimeAmount.zero
    /// 0: any rate.
    private var bytesPerSecond = 0
    /// Which of the two the last deadline is for.
    private var isForRate = false

    /// What is wrong if the last deadline passes.
    var fault: String {
        isForRate
            ? "The request body arrived too slowly: expected at least \(bytesPerSecond) bytes per second."
            : "The request body took too long to arrive: nothing was received for \(pauseLimit.nanoseconds / 1_000_000) ms."
    }

    /// For a request without a body.
    init() {}

    /// - Parameter start: when the head was complete.
    init(_ settings: ServerSettings, from start: NIODeadline) {
        self.start = start
        lastArrival = start
        pauseLimit = TimeAmount(settings.bodyTimeout)
        grace = TimeAmount(settings.bodyGrace)
        bytesPerSecond = settings.minBodyBytesPerSecond
    }

    /// The time by which more must have arrived. Called when something has just arrived.
    /// - Parameter count: the bytes that have arrived so far.
    mutating func deadline(at now: NIODeadline, having count: Int) -> NIODeadline {
        longestPause = max(longestPause, now - lastArrival)
        lastArrival = now
        isForRate = false
        let afterPause = now + pauseLimit
        guard bytesPerSecond > 0 else { return afterPause }
        let covered = TimeAmount.nanoseconds(Int64(Double(count) / Double(bytesPerSecond) * 1e9))
        let afterRate = start + grace + covered + longestPause
        // If the pause that begins now becomes the longest one, it replaces the one that was not counted.
        guard afterRate < now + min(longestPause, pauseLimit) else { return afterPause }
        isForRate = true
        return afterRate
    }
}
