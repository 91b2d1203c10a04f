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

    /// The value from the section with the producer's name. If two plugins have producers with that name,
    /// `plugin/producer` is a section for one of them.
    func value(of key: String, plugin: String, producer: String) -> String? {
        sections.withLock { $0["\(plugin)/\(producer)"]?[key] ?? $0[producer]?[key] }
    }
}
