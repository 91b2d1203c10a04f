import Logging
import Synchronization

/// Records log lines as "level: message".
final class CapturedLog: Sendable {
    private let state = Mutex([(text: String, details: Logger.Metadata)]())

    var lines: [String] { state.withLock { $0.map(\.text) } }
    /// The metadata of each line.
    var details: [[String: String]] { state.withLock { $0.map { $0.details.mapValues { "\($0)" } } } }

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
            log.state.withLock { $0.append(("\(event.level): \(event.message)", event.metadata ?? [:])) }
        }
    }
}
