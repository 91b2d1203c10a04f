package import SystemCalls

/// How the shared streams of a producer behave.
package struct HubSettings: Sendable, Equatable {
    package enum SlowPolicy: String, Sendable, CaseIterable {
        /// The connection is dropped; the client reconnects with its last id and learns what it missed.
        case disconnect
        /// A gap notice is sent, and live events follow.
        case skip
    }

    /// Frames that are held for subscribers that reconnect; at least 1.
    package var historyEvents = 1024
    package var historyBytes = 1 << 20
    /// How long the stream stays open without subscribers; `Int64.max`: forever.
    package var linger: Nanoseconds = 5_000_000_000
    /// A newcomer is told its place in the history, in a `sluice-open` event.
    package var isAnchored = true
    /// What happens to a subscriber that the ring overtakes.
    package var slowPolicy = SlowPolicy.disconnect

    package init() {}
}
