import Logging
import Synchronization

/// Records log lines: "warning: the message [key=value …]", with the keys sorted.
final class FakeLog: Sendable {
    private let kept = Mutex<[String]>([])
    private let heard: @Sendable (String) -> Void

    /// - Parameter heard: called with each line.
    init(heard: @escaping @Sendable (String) -> Void = { _ in }) { self.heard = heard }

    var lines: [String] { kept.withLock { $0 } }

    func contains(_ text: String) -> Bool { lines.contains { $0.contains(text) } }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: FakeLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0)=\($1)" }
            let line = "\(event.level): \(event.message) [\(pairs.joined(separator: " "))]"
            log.kept.withLock { $0.append(line) }
            log.heard(line)
        }
    }
}
