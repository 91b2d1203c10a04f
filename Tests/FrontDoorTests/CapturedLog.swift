import Logging
import Synchronization

/// Records log lines as "level: message".
final class CapturedLog: Sendable {
    private let state = Mutex([(line: String, metadata: String)]())

    var lines: [String] { state.withLock { $0.map(\.line) } }
    /// With the metadata of the event.
    var details: [String] { state.withLock { $0.map { "\($0.line) \($0.metadata)" } } }

    var logger: Logger {
        Logger(label: "test", factory: { _ in Handler(log: self) })
    }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.state.withLock { $0.append(("\(event.level): \(event.message)", "\(event.metadata ?? [:])")) }
        }
    }
}
