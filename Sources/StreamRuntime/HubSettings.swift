package import SystemCalls

/// How the shared streams of a producer behave.
package struct HubSettings: Sendable, Equatable {
    package enum SlowPolicy: String, Sendable, CaseIterable {
        /// The connection is dropped; the client comes back with its last id and finds out what it missed.
        case disconnect
        /// A notice of the gap, then live.
        case skip
    }

    /// Frames that are held for returning subscribers; at least 1.
    package var historyEvents = 1024
    package var historyBytes = 1 << 20
    /// How long the stream stays open without subscribers; `Int64.max`: for ever.
    package var linger: Nanoseconds = 5_000_000_000
    /// A newcomer is told its place in the history, in an event `sluice-open`.
    package var isAnchored = true
    /// What happens to a subscriber that is overtaken by the ring.
    package var slowPolicy = SlowPolicy.disconnect

    package init() {}
}
