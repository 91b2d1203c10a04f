/// Why a token is not accepted; RFC 6750 calls all of these `invalid_token`. The client learns what it can mend, the
/// log also what only an operator can.
package enum TokenFault: Error, Sendable, Equatable {
    /// Not a token of this server, nor in the form of any.
    case unknown
    case malformed(String)
    case algorithm(String)
    case key(id: String)
    case signature
    case expired
    case notYetValid
    case issuer(String)
    case audience(String)

    /// For the client: printable ASCII without quotation marks and backslashes (RFC 6750 §3).
    package var description: String {
        switch self {
        case .unknown, .malformed, .algorithm, .key, .signature: "The token is not valid."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .issuer: "The issuer of the token is not accepted."
        case .audience: "The token is not for this server."
        }
    }

    /// For the log; without any part of the token's signature.
    package var reason: String {
        switch self {
        case .unknown: "the token is none of those in auth-tokens"
        case .malformed(let what): "the token is malformed: \(what)"
        case .algorithm(let name): "no key in auth-keys is for the token's algorithm, \(Self.printable(name))"
        case .key(let id): "no key in auth-keys has the token's key ID, \(Self.printable(id))"
        case .signature: "the token's signature is not valid"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        case .issuer(let name): "the token's issuer is not in auth-issuers: \(Self.printable(name))"
        case .audience(let name): "the token's audience is not in auth-audiences: \(Self.printable(name))"
        }
    }

    /// Some characters of what a client has sent.
    private static func printable(_ text: String) -> String {
        let clean = text.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7f ? "?" : String($0) }
        return clean.isEmpty ? "none" : clean.joined()
    }
}
