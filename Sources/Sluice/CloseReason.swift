import CSluice

/// Why a stream ends, as `finalize` is told. The raw values are those of `SLUICE_CLOSE_…`, but for `unknown`.
public enum CloseReason: Int32, Sendable, CaseIterable {
    /// One that a newer server has and this library does not know.
    case unknown = 0
    /// The sequence ended.
    case completed = 1
    /// The sequence threw, or an event broke a rule.
    case failed = 2
    /// The subscriber left, or its connection was lost.
    case disconnected = 3
    /// The subscriber did not read for longer than the server allows.
    case slow = 4
    /// The stream reached its maximum age.
    case expired = 5
    /// A newer build of the plugin took over.
    case reloaded = 6
    /// The plugin's file is gone.
    case removed = 7
    /// The server stops.
    case shutdown = 8
}
