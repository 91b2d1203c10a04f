/// Where keys are, and what is known of them: `keys.json`, `/etc/sluice/public.pem kid=2026 alg=RS256`, `env:SECRET`.
package struct KeySource: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        case file(path: String)
        /// A variable of the environment.
        case variable(String)
    }

    package let place: Place
    /// The key's ID in tokens; `nil`: what the content says, or none.
    package private(set) var id: String?
    /// The only algorithm; `nil`: those that suit the key.
    package private(set) var algorithm: String?

    package static let expectation =
        "a file, or env:NAME for a variable of the environment, and perhaps 'kid=ID' and 'alg=NAME', such as "
        + "'public.pem kid=2026 alg=RS256'"

    package init?(_ text: String) {
        let words = text.split(separator: " ")
        guard let first = words.first, !first.utf8.contains(0) else { return nil }
        if let name = first.rest(after: "env:") {
            guard !name.isEmpty, !name.contains("=") else { return nil }
            place = .variable(String(name))
        } else {
            place = .file(path: String(first))
        }
        for word in words.dropFirst() {
            if let id = word.rest(after: "kid="), !id.isEmpty {
                self.id = String(id)
            } else if let algorithm = word.rest(after: "alg="), !algorithm.isEmpty {
                self.algorithm = String(algorithm)
            } else {
                return nil
            }
        }
    }
}
