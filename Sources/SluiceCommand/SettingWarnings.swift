import EventStream
import Logging
import ProducerInterface
import Settings

/// What the settings say that nothing reads, each told once for as long as it stands there.
struct SettingWarnings {
    private var told: Set<String> = []

    /// After each reload.
    mutating func tell(_ settings: Settings, serving producers: [ProducerDescription], _ logger: Logger) {
        let lines = settings.warnings(loaded: producers.map { ($0.plugin, $0.name) })
        for line in lines where !told.contains(line) { logger.warning("\(line)") }
        told = Set(lines)
    }

    /// At the start: the environment stays what it is.
    static func tell(ofVariables variables: [String: String], _ logger: Logger) {
        for line in EnvironmentVariables.warnings(for: variables.keys) { logger.warning("\(line)") }
    }
}
