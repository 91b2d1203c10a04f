import EventStream
import Logging
import ProducerInterface
import Settings

/// Warns about settings that nothing reads, or that do nothing, once for as long as they are there.
struct SettingWarnings {
    private var told: Set<String> = []

    /// Call it after each reload.
    /// - Parameter route: finds the producer on a path.
    /// - Returns: one line for each producer that is configured, but not served.
    mutating func tell(
        _ settings: Settings, serving producers: [ProducerDescription], route: (String) -> ProducerDescription?,
        _ logger: Logger
    ) -> [String] {
        let missing = settings.warnings(loaded: producers.map { ($0.plugin, $0.name) })
        var lines = missing + settings.withoutEffect + unmet(settings, by: producers)
        if !settings.healthPath.isEmpty, let producer = route(settings.healthPath) {
            lines.append(
                "\(producer.plugin)/\(producer.name) has the route of --health-path, \(settings.healthPath), so its stream answers there; change one of the two"
            )
        }
        for line in lines where !told.contains(line) { logger.warning("\(line)") }
        told = Set(lines)
        return missing
    }

    /// Call it at the start: the environment does not change.
    /// - Parameter names: those of variables that something reads, although they are no settings.
    static func tell(ofVariables variables: [String: String], besides names: [String], _ logger: Logger) {
        for line in EnvironmentVariables.warnings(for: variables.keys.filter { !names.contains($0) }) {
            logger.warning("\(line)")
        }
    }

    /// One line for each producer that requires a claim with the value of a parameter that it does not have.
    private func unmet(_ settings: Settings, by producers: [ProducerDescription]) -> [String] {
        producers.flatMap { producer in
            let own = settings.producers[producer.name] ?? settings.anyProducer
            guard own.tokenPolicy != .none else { return [String]() }
            let names = own.require.flatMap(\.parameters)
            return names.filter { !producer.hasParameter(named: $0) && !producer.route.contains("{\($0)}") }.map {
                "require: \(producer.plugin)/\(producer.name) has no parameter \($0), so nobody can have the claim"
            }
        }
    }
}
