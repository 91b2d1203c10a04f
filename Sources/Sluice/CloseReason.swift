import CSluice

/// Why a stream ended, as passed to `finalize`. The raw values are those of `SLUICE_CLOSE_…`, except for `unknown`.
public enum CloseReason: Int32, Sendable, CaseIterable {
    /// A reason of a newer server that this library does not know.
    case unknown = 0
    /// The sequence ended.
    case completed = 1
    /// The sequence threw, or an event broke a rule.
    case failed = 2
    /// The subscriber left, or its connection was lost.
    case disconnected = 3
    /// The subscriber did not read for longer than the server allows.
    case slow = 4
    /// The stream reached its maximum age, or its client's token expired.
    case expired = 5
    /// A newer build of the plugin took over.
    case reloaded = 6
    /// The plugin's file is gone.
    case removed = 7
    /// The server is stopping.
    case shutdown = 8
}
