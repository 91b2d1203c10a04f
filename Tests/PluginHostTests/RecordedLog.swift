import Logging
import Synchronization

@testable import PluginHost

/// The log lines of all tests in the process.
struct RecordedLog: LogHandler {
    struct Line: Sendable {
        let level: Logger.Level
        let text: String
        let metadata: [String: String]
    }

    private static let lines = Mutex<[Line]>([])

    /// A logger that writes here, with the test's own label.
    static func logger(_ label: String) -> Logger {
        var logger = Logger(label: label) { _ in RecordedLog() }
        logger[metadataKey: "test"] = "\(label)"
        return logger
    }

    /// The lines whose metadata has this value.
    static func lines(_ key: String, _ value: String) -> [Line] {
        HostLog.drain()
        return lines.withLock { $0.filter { $0.metadata[key] == value } }
    }

    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let line = Line(level: event.level, text: "\(event.message)", metadata: all.mapValues { "\($0)" })
        Self.lines.withLock { $0.append(line) }
    }
}
