import FoundationEssentials
import JWTKit

/// JSON Web Keys, alone or in a set (RFC 7517).
extension KeyReader {
    /// The library's own type does not know secrets, nor all names of algorithms.
    private struct Entry: Decodable {
        let kty: String
        let use: String?
        let alg: String?
        let kid: String?
        let crv: String?
        let x: String?
        let y: String?
        let n: String?
        let e: String?
        /// A secret.
        let k: String?
        /// The private part of a key.
        let d: String?
    }

    private struct Set: Decodable { let keys: [Entry] }

    private struct Kind: Decodable { let keys: Empty? }
    private struct Empty: Decodable { init(from decoder: any Decoder) throws {} }

    func jsonKeys(_ bytes: ArraySlice<UInt8>) async throws(KeyError) -> [TokenKey] {
        let entries: [Entry]
        do {
            let (decoder, data) = (JSONDecoder(), Data(bytes))
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
        for entry in entries where entry.use ?? "sig" == "sig" && Self.isKnown(entry) {
            keys.append(try await key(entry))
        }
        if keys.isEmpty { throw fault("none of its \(entries.count) keys is for RS, PS, ES, EdDSA or HS") }
        return keys
    }

    private static func isKnown(_ entry: Entry) -> Bool {
        if let algorithm = entry.alg, !algorithms.contains(algorithm) { return false }
        switch entry.kty {
        case "EC": return ["P-256", "P-384", "P-521"].contains(entry.crv)
        case "OKP": return entry.crv == "Ed25519"
        case "RSA", "oct": return true
        default: return false
        }
    }

    private func key(_ entry: Entry) async throws(KeyError) -> TokenKey {
        let id = material.id ?? entry.kid
        if entry.kty == "oct" {
            guard let secret = entry.k.flatMap({ Base64URL.decode($0.utf8) }) else {
                throw fault("a secret has no “k” in Base64 for URLs")
            }
            if let own = entry.alg, let wanted = material.algorithm, own != wanted {
                throw fault("a key can't be for \(wanted); it is for \(own)")
            }
            let wanted = (entry.alg ?? material.algorithm).map { [$0] } ?? Self.hashNames
            return try await self.secret(secret, id: id, for: wanted)
        }
        if entry.d != nil {
            throw fault("it has a private key, which belongs to the issuer alone; this server needs the public one")
        }
        var names = Self.names(entry)
        if let own = entry.alg { names = names.filter { $0 == own } }
        if names.isEmpty { throw fault("a key of the type \(entry.kty) can't be for \(entry.alg ?? "")") }
        var algorithms: [String: any JWTAlgorithm] = [:]
        for name in names { algorithms[name] = try await algorithm(name, of: entry) }
        return TokenKey(id: id, algorithms: try wanted(of: algorithms))
    }

    private static func names(_ entry: Entry) -> [String] {
        switch (entry.kty, entry.crv) {
        case ("RSA", _): ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
        case ("EC", "P-256"): ["ES256"]
        case ("EC", "P-384"): ["ES384"]
        case ("EC", "P-521"): ["ES512"]
        default: ["EdDSA", "Ed25519"]
        }
    }

    private func algorithm(_ name: String, of entry: Entry) async throws(KeyError) -> any JWTAlgorithm {
        let key: JWK
        switch entry.kty {
        case "RSA":
            key = .rsa(JWK.Algorithm(rawValue: name), identifier: "key", modulus: entry.n, exponent: entry.e)
        case "EC":
            key = .ecdsa(
                JWK.Algorithm(rawValue: name), identifier: "key", x: entry.x, y: entry.y,
                curve: entry.crv.flatMap(ECDSACurve.init(rawValue:)))
        default:
            // RFC 9864 has named the curve; the library knows the family.
            key = .octetKeyPair(.eddsa, identifier: "key", x: entry.x, y: nil, curve: .ed25519)
        }
        return try await signer { keys in try await keys.add(jwk: key, isDefault: true) }
    }
}
