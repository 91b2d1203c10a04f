import FoundationEssentials
import JWTKit

/// A key, with the algorithms for which it may be used.
///
/// A token names its algorithm itself, so what it names only selects from these: a secret is never used as a public key
/// or the other way round, and nothing is there for "none" (RFC 8725 §3.1).
struct TokenKey: Sendable {
    /// `nil`: for tokens with any key ID, or without one.
    let id: String?
    /// By the name that tokens use.
    let algorithms: [String: any JWTAlgorithm]
}

/// The keys with which tokens can be signed.
struct TokenKeys: Sendable {
    private let keys: [TokenKey]

    init(_ keys: [TokenKey] = []) { self.keys = keys }

    var isEmpty: Bool { keys.isEmpty }

    /// Finds the key that a token names; a token that names none is checked with every key of its algorithm.
    func verify(_ token: JSONWebToken) throws(TokenFault) {
        let named = token.keyID.map { id in keys.filter { $0.id == id } } ?? []
        let candidates = named.isEmpty ? keys.filter { $0.id == nil || token.keyID == nil } : named
        if candidates.isEmpty { throw .key(id: token.keyID ?? "") }
        let algorithms = candidates.compactMap { $0.algorithms[token.algorithm] }
        if algorithms.isEmpty { throw .algorithm(token.algorithm) }
        for algorithm in algorithms {
            // A signature of the wrong size is an error of the library.
            if (try? algorithm.verify(token.signature, signs: token.signedBytes)) == true { return }
        }
        throw .signature
    }
}
