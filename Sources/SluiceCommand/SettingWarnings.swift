import EventStream
import Logging
import ProducerInterface
import Settings

/// Warns about settings that nothing reads, once for as long as they are there.
struct SettingWarnings {
    private var told: Set<String> = []

    /// Call it after each reload.
    /// - Returns: all of them, one line each.
    @discardableResult
    mutating func tell(_ settings: Settings, serving producers: [ProducerDescription], _ logger: Logger)
        -> [String]
    {
        let lines = settings.warnings(loaded: producers.map { ($0.plugin, $0.name) })
        for line in lines where !told.contains(line) { logger.warning("\(line)") }
        told = Set(lines)
        return lines
    }

    /// Call it at the start: the environment does not change.
    static func tell(ofVariables variables: [String: String], _ logger: Logger) {
        for line in EnvironmentVariables.warnings(for: variables.keys) { logger.warning("\(line)") }
    }
}
