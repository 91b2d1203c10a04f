package import ProducerInterface

/// An accepted token, and what it says.
package struct CheckedToken: Sendable, Equatable {
    package let identity: ClientIdentity
    /// How long it remains valid, in nanoseconds; `nil`: without limit.
    package let lifetime: Int64?
    private let claims: [String: ClaimValue]

    init(_ claims: [String: ClaimValue], lifetime: Int64? = nil) {
        let texts = claims.mapValues(\.text)
        identity = ClientIdentity(subject: texts["sub"] ?? "", claims: texts)
        self.lifetime = lifetime
        self.claims = claims
    }

    /// What a claim says, item by item: all values of an array, the words of `scope` and `scp` (RFC 8693 §4.2), or
    /// else the only value.
    func values(of name: String) -> [String] {
        guard let claim = claims[name] else { return [] }
        if name == "scope" || name == "scp", case .string(let words) = claim {
            return words.split(separator: " ").map(String.init)
        }
        return claim.items
    }
}
