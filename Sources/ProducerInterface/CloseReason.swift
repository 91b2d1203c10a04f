/// Why a stream ends; the raw values are those of `SLUICE_CLOSE_…` in `sluice.h`.
package enum CloseReason: Int32, Sendable, CaseIterable {
    case completed = 1
    case failed = 2
    case disconnected = 3
    case slow = 4
    case expired = 5
    case reloaded = 6
    case removed = 7
    case shutdown = 8

    /// The name in logs and metrics.
    package var name: String {
        switch self {
        case .completed: "completed"
        case .failed: "failed"
        case .disconnected: "disconnected"
        case .slow: "slow"
        case .expired: "expired"
        case .reloaded: "reloaded"
        case .removed: "removed"
        case .shutdown: "shutdown"
        }
    }
}
