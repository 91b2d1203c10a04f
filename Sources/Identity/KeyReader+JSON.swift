import FoundationEssentials
import JWTKit

/// JSON Web Keys, alone or in a set (RFC 7517).
extension KeyReader {
    /// What decides how a key is read. The library's own type does not know secrets.
    private struct Shape: Decodable {
        let kty: String
        let use: String?
        let alg: String?
        let kid: String?
        let crv: String?
        /// A secret.
        let k: String?
        /// The private part of a key.
        let d: String?
    }

    private struct Entry: Decodable {
        let shape: Shape
        let key: Result<JWK, any Error>

        init(from decoder: any Decoder) throws {
            shape = try Shape(from: decoder)
            key = Result { try JWK(from: decoder) }
        }
    }

    private struct Set: Decodable { let keys: [Entry] }

    private struct Kind: Decodable { let keys: Empty? }
    private struct Empty: Decodable { init(from decoder: any Decoder) throws {} }

    func jsonKeys() async throws(KeyError) -> [TokenKey] {
        let entries: [Entry]
        do {
            let (decoder, data) = (JSONDecoder(), Data(material.bytes))
            let isSet = try decoder.decode(Kind.self, from: data).keys != nil
            entries =
                isSet ? try decoder.decode(Set.self, from: data).keys : [try decoder.decode(Entry.self, from: data)]
        } catch {
            throw fault("it is neither a JSON Web Key nor a set of them: each key needs “kty”")
        }
        if material.id != nil, entries.count > 1 {
            throw fault("it has \(entries.count) keys, which can't all have one kid")
        }
        var keys: [TokenKey] = []
        // What an issuer publishes for other purposes is none of this server's business.
        for entry in entries where entry.shape.use ?? "sig" == "sig" && Self.isKnown(entry.shape) {
            keys.append(try await key(entry))
        }
        if keys.isEmpty { throw fault("none of its \(entries.count) keys is for RS, PS, ES, EdDSA or HS") }
        return keys
    }

    private static func isKnown(_ shape: Shape) -> Bool {
        if let algorithm = shape.alg, !algorithms.contains(algorithm) { return false }
        switch shape.kty {
        case "EC": return ["P-256", "P-384", "P-521"].contains(shape.crv)
        case "OKP": return shape.crv == "Ed25519"
        case "RSA", "oct": return true
        default: return false
        }
    }

    private func key(_ entry: Entry) async throws(KeyError) -> TokenKey {
        let (shape, id) = (entry.shape, material.id ?? entry.shape.kid)
        if shape.kty == "oct" {
            guard let secret = shape.k.flatMap({ Base64URL.decode($0.utf8) }) else {
                throw fault("a secret has no “k” in Base64 for URLs")
            }
            return try await self.secret(secret, id: id, algorithm: shape.alg ?? material.algorithm)
        }
        if shape.d != nil {
            throw fault("it has a private key, which belongs to the issuer alone; this server needs the public one")
        }
        var names = Self.names(shape)
        if let own = shape.alg { names = names.filter { $0 == own } }
        if names.isEmpty { throw fault("a key of the type \(shape.kty) can't be for \(shape.alg ?? "")") }
        var algorithms: [String: any JWTAlgorithm] = [:]
        for name in names { algorithms[name] = try await algorithm(name, of: entry) }
        return TokenKey(id: id, algorithms: try only(nil, of: algorithms))
    }

    private static func names(_ shape: Shape) -> [String] {
        switch (shape.kty, shape.crv) {
        case ("RSA", _): ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
        case ("EC", "P-256"): ["ES256"]
        case ("EC", "P-384"): ["ES384"]
        case ("EC", "P-521"): ["ES512"]
        default: ["EdDSA", "Ed25519"]
        }
    }

    private func algorithm(_ name: String, of entry: Entry) async throws(KeyError) -> any JWTAlgorithm {
        // RFC 9864 has named the curve; the library still knows the family.
        let known = JWK.Algorithm(rawValue: name == "Ed25519" ? "EdDSA" : name)
        return try await signer { keys in
            var key = try entry.key.get()
            key.algorithm = known
            key.keyIdentifier = "key"
            try await keys.add(jwk: key, isDefault: true)
        }
    }
}
