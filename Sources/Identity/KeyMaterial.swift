/// The content of a file or a variable with keys, and what the operator says about it.
package struct KeyMaterial: Sendable {
    package let bytes: [UInt8]
    /// Its name in messages: "keys.json", "$JWT_SECRET".
    package let name: String
    /// The ID of its only key; `nil`: what the content says, or none.
    package let id: String?
    /// The only algorithm for its keys; `nil`: those that suit them.
    package let algorithm: String?

    package init(_ bytes: [UInt8], name: String, id: String? = nil, algorithm: String? = nil) {
        self.bytes = bytes
        self.name = name
        self.id = id
        self.algorithm = algorithm
    }
}

/// Keys or tokens that can't be used: one line for the operator.
package struct KeyError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    init(_ name: String, _ what: String) { description = "\(name): \(what)" }
}
