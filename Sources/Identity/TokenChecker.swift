/// Says whose a token is: which keys and tokens count, and what a JSON Web Token must say besides.
package struct TokenChecker: Sendable {
    private var keys = TokenKeys()
    package var tokens = StaticTokens()
    /// The accepted values of `iss`; empty: any.
    package var issuers: [String] = []
    /// The names by which tokens call this server, in `aud`; empty: only tokens without an audience are accepted (RFC
    /// 7519 §4.1.3).
    package var audiences: [String] = []
    /// How far the clocks of issuers may differ from this machine's, in seconds.
    package var leeway: Double = 0

    package init() {}

    /// Nobody has a token that is accepted.
    package var isEmpty: Bool { keys.isEmpty && tokens.isEmpty }

    /// Replaces the keys with which tokens can be signed.
    package mutating func setKeys(_ materials: [KeyMaterial]) async throws(KeyError) {
        var all: [TokenKey] = []
        for material in materials { all += try await KeyReader(material: material).keys() }
        keys = TokenKeys(all)
    }

    /// - Parameter now: seconds since 1970.
    package func check(_ token: Substring, at now: Double) throws(TokenFault) -> CheckedToken {
        if !tokens.isEmpty, let known = tokens.token(token) { return known }
        if keys.isEmpty || !JSONWebToken.hasForm(token) && !tokens.isEmpty { throw .unknown }
        let token = try JSONWebToken(token)
        try keys.verify(token)
        let claims = try token.claims()
        let lifetime = try lifetime(claims, at: now)
        try checkParties(claims)
        return CheckedToken(claims, lifetime: lifetime)
    }

    /// A token is accepted a little longer than it says, but a stream ends when it says: clocks need the former, and
    /// only a client that comes within that time needs the latter to be later.
    private func lifetime(_ claims: [String: ClaimValue], at now: Double) throws(TokenFault) -> Int64? {
        if let start = try Self.time("nbf", in: claims), now < start - leeway { throw .notYetValid }
        guard let end = try Self.time("exp", in: claims) else { return nil }
        guard now < end + leeway else { throw .expired }
        return Int64(((now < end ? end : end + leeway) - now) * 1_000_000_000)
    }

    /// The issuer, the subject and the audience.
    private func checkParties(_ claims: [String: ClaimValue]) throws(TokenFault) {
        for name in ["iss", "sub"] {
            switch claims[name] {
            case nil: break
            // A plugin gets it as a C string.
            case .string(let text) where !text.utf8.contains(0): break
            default: throw .malformed("its “\(name)” is not a string")
            }
        }
        let issuer = claims["iss"]?.text ?? ""
        guard issuers.isEmpty || issuers.contains(issuer) else { throw .issuer(issuer) }
        let named = claims["aud"]?.items ?? []
        guard claims["aud"] == nil && audiences.isEmpty || named.contains(where: audiences.contains) else {
            throw .audience(named.joined(separator: " "))
        }
    }

    /// A `NumericDate`, no later than a stream can last: the year 2262.
    private static func time(_ name: String, in claims: [String: ClaimValue]) throws(TokenFault) -> Double? {
        guard let value = claims[name] else { return nil }
        guard let seconds = value.number else { throw .malformed("its “\(name)” is not a number") }
        return min(seconds, 9_000_000_000)
    }
}
