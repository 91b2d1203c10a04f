import Crypto
import FoundationEssentials
import JWTKit

/// Turns the content of files and variables into keys.
struct KeyReader {
    let material: KeyMaterial

    /// All names of algorithms, with the signer's own.
    static let algorithms = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
        "EdDSA", "Ed25519",
    ]

    func keys() async throws(KeyError) -> [TokenKey] {
        let text = String(decoding: material.bytes, as: UTF8.self)
        if text.contains("-----BEGIN ") { return try await pemKeys(text) }
        if text.first(where: { !$0.isWhitespace }) == "{" { return try await jsonKeys() }
        return [try await secret(Self.withoutLineEnd(material.bytes), id: material.id, algorithm: material.algorithm)]
    }

    func fault(_ what: String) -> KeyError { KeyError(material.name, what) }

    // MARK: Secrets

    /// Editors and `echo` add a line end, which is no part of a secret.
    private static func withoutLineEnd(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes[...]
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return Array(bytes)
    }

    /// A secret must be as long as the hash that it is for (RFC 7518 §3.2).
    func secret(_ bytes: [UInt8], id: String?, algorithm: String?) async throws(KeyError) -> TokenKey {
        let sizes: [(name: String, digest: DigestAlgorithm, bytes: Int)] = [
            ("HS256", .sha256, 32), ("HS384", .sha384, 48), ("HS512", .sha512, 64),
        ]
        let wanted = sizes.filter { algorithm == nil || $0.name == algorithm }
        guard let shortest = wanted.first else {
            throw fault(
                "a secret can't be for \(algorithm ?? ""); expected HS256, HS384 or HS512, or a public key in PEM or JSON"
            )
        }
        guard bytes.count >= shortest.bytes else {
            throw fault("a secret for \(shortest.name) needs at least \(shortest.bytes) bytes; it has \(bytes.count)")
        }
        let key = HMACKey(from: bytes)
        var algorithms: [String: any JWTAlgorithm] = [:]
        for size in wanted where bytes.count >= size.bytes {
            algorithms[size.name] = try await signer { keys in
                await keys.add(hmac: key, digestAlgorithm: size.digest)
            }
        }
        return TokenKey(id: id, algorithms: algorithms)
    }

    // MARK: Algorithms

    /// - Parameter add: adds one key to the collection.
    /// - Returns: what verifies with this key.
    func signer(
        algorithm: String? = nil, _ add: @Sendable (JWTKeyCollection) async throws -> Void
    ) async throws(KeyError) -> any JWTAlgorithm {
        do {
            // A collection for each: its keys keep the algorithm for which they were first asked.
            let keys = JWTKeyCollection()
            try await add(keys)
            return try await keys.getKey(alg: algorithm)
        } catch {
            throw fault("a key can't be used: \(error)")
        }
    }

    /// The algorithms of a key, without those that the operator has not named.
    func only(
        _ algorithm: String?, of algorithms: [String: any JWTAlgorithm]
    ) throws(KeyError) -> [String: any JWTAlgorithm] {
        guard let algorithm = algorithm ?? material.algorithm else { return algorithms }
        guard let signer = algorithms[algorithm] else {
            throw fault(
                "a key can't be for \(algorithm); it is for \(algorithms.keys.sorted().joined(separator: ", "))")
        }
        return [algorithm: signer]
    }
}
