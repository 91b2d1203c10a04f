/// What a producer declares.
package struct ProducerDescription: Sendable {
    package let plugin: String
    package let name: String
    /// For example "/ticker/{symbol}".
    package let route: String
    package let summary: String
    /// The signature of its parameters as written, for people.
    package let parameters: String
    /// Its streams run on loops; otherwise each stream has a thread.
    package let isNonblocking: Bool
    package let isShared: Bool
    package let isResumable: Bool
    package let acceptsBody: Bool
    /// `false` for a producer that only emits.
    package let hasNext: Bool
    /// `save` can return something.
    package let savesState: Bool

    package init(
        plugin: String, name: String, route: String, summary: String = "", parameters: String = "",
        isNonblocking: Bool = true,
        isShared: Bool = false, isResumable: Bool = false, acceptsBody: Bool = false, hasNext: Bool = true,
        savesState: Bool = false
    ) {
        self.plugin = plugin
        self.name = name
        self.route = route
        self.summary = summary
        self.parameters = parameters
        self.isNonblocking = isNonblocking
        self.isShared = isShared
        self.isResumable = isResumable
        self.acceptsBody = acceptsBody
        self.hasNext = hasNext
        self.savesState = savesState
    }

    /// Whether the signature has a parameter of this name.
    package func hasParameter(named name: String) -> Bool {
        parameters.split(separator: ",").contains { $0.split(separator: ":").first?.filter { $0 != " " } == name }
    }
}
