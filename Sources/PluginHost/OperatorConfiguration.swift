import Synchronization

/// What the operator configured for plugins: keys and values, by section.
final class OperatorConfiguration: Sendable {
    private let sections: Mutex<[String: [String: String]]>

    init(_ sections: [String: [String: String]]) {
        self.sections = Mutex(sections)
    }

    func replace(with sections: [String: [String: String]]) {
        self.sections.withLock { $0 = sections }
    }

    /// A producer's own section `plugin/producer` comes before that of its plugin, `plugin`.
    func value(of key: String, plugin: String, producer: String) -> String? {
        sections.withLock { $0["\(plugin)/\(producer)"]?[key] ?? $0[plugin]?[key] }
    }
}
