import Logging
import Synchronization

/// A warning that may be due thousands of times a second, but is written at most once per interval; the number of those
/// left out is added to the next one.
final class QuietLog: Sendable {
    private let logger: Logger
    private let interval: Duration
    private let state = Mutex(State())

    private struct State {
        var last: ContinuousClock.Instant?
        var suppressed = 0
    }

    init(_ logger: Logger, every interval: Duration = .seconds(1)) {
        self.logger = logger
        self.interval = interval
    }

    func warn(_ message: @autoclosure () -> Logger.Message, _ metadata: @autoclosure () -> Logger.Metadata = [:]) {
        let now = ContinuousClock.now
        let suppressed: Int? = state.withLock { state in
            if let last = state.last, now - last < interval {
                state.suppressed += 1
                return nil
            }
            defer { state = State(last: now) }
            return state.suppressed
        }
        guard let suppressed else { return }
        var metadata = metadata()
        if suppressed > 0 { metadata["suppressed"] = .stringConvertible(suppressed) }
        logger.warning(message(), metadata: metadata)
    }
}
