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
        let bytes = material.bytes.starts(with: Self.byteOrderMark) ? material.bytes.dropFirst(3) : material.bytes[...]
        let text = String(decoding: bytes, as: UTF8.self)
        if text.contains("-----BEGIN ") { return try await pemKeys(text) }
        if text.first(where: { !$0.isWhitespace }) == "{" { return try await jsonKeys(bytes) }
        // Anything can be a secret, also a public key in a form that is not known here, and everybody knows that.
        guard let algorithm = material.algorithm else {
            throw fault("it is neither PEM nor a JSON object; for a secret, add alg=HS256, HS384 or HS512 to its name")
        }
        return [try await secret(Self.withoutLineEnd(material.bytes), id: material.id, for: [algorithm])]
    }

    private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

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
    /// - Parameter algorithms: those wanted; it must be long enough for the first one.
    func secret(_ bytes: [UInt8], id: String?, for algorithms: [String]) async throws(KeyError) -> TokenKey {
        let key = HMACKey(from: bytes)
        var signers: [String: any JWTAlgorithm] = [:]
        for name in algorithms {
            guard let size = Self.hashes[name] else {
                throw fault("a secret can't be for \(name); expected HS256, HS384 or HS512")
            }
            guard bytes.count >= size.bytes else {
                if !signers.isEmpty { break }
                throw fault("a secret for \(name) needs at least \(size.bytes) bytes; it has \(bytes.count)")
            }
            signers[name] = try await signer { keys in
                await keys.add(hmac: key, digestAlgorithm: size.digest)
            }
        }
        return TokenKey(id: id, algorithms: signers)
    }

    static let hashNames = ["HS256", "HS384", "HS512"]
    private static let hashes: [String: (digest: DigestAlgorithm, bytes: Int)] = [
        "HS256": (.sha256, 32), "HS384": (.sha384, 48), "HS512": (.sha512, 64),
    ]

    // MARK: Algorithms

    /// - Parameter add: adds one key to the collection.
    /// - Returns: what verifies with this key.
    func signer(
        _ add: @Sendable (JWTKeyCollection) async throws -> Void
    ) async throws(KeyError) -> any JWTAlgorithm {
        do {
            let keys = JWTKeyCollection()
            try await add(keys)
            return try await keys.getKey()
        } catch {
            throw fault("a key can't be used: \(error)")
        }
    }

    /// The algorithms of a key, without those that the operator has not named.
    func wanted(of algorithms: [String: any JWTAlgorithm]) throws(KeyError) -> [String: any JWTAlgorithm] {
        guard let algorithm = material.algorithm else { return algorithms }
        guard let signer = algorithms[algorithm] else {
            throw fault(
                "a key can't be for \(algorithm); it is for \(algorithms.keys.sorted().joined(separator: ", "))")
        }
        return [algorithm: signer]
    }
}
