/// Who asks: what a token says whose signature or hash the front door has checked.
package struct ClientIdentity: Sendable, Equatable {
    /// The token's `sub`; empty if it has none.
    package let subject: String
    /// All claims of the token, by name: a string as it is, anything else as JSON.
    package let claims: [String: String]

    package init(subject: String, claims: [String: String] = [:]) {
        self.subject = subject
        self.claims = claims
    }
}
