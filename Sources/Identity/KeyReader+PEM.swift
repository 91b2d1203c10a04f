import JWTKit

/// Public keys and certificates in PEM (RFC 7468).
extension KeyReader {
    func pemKeys(_ text: String) async throws(KeyError) -> [TokenKey] {
        var keys: [TokenKey] = []
        var hasCertificate = false
        for block in try blocks(of: text) {
            // What follows a certificate are those that vouch for it; what comes before a key can be its curve's name.
            if block.hasPrefix("-----BEGIN EC PARAMETERS-----") { continue }
            if block.hasPrefix(Self.certificate), hasCertificate { continue }
            hasCertificate = hasCertificate || block.hasPrefix(Self.certificate)
            if block.contains("PRIVATE KEY-----") {
                throw fault("it has a private key, which belongs to the issuer alone; this server needs the public one")
            }
            keys.append(TokenKey(id: material.id, algorithms: try wanted(of: try await algorithms(of: block))))
        }
        if keys.isEmpty { throw fault("its PEM has no key") }
        if material.id != nil, keys.count > 1 { throw fault("it has \(keys.count) keys, which can't all have one kid") }
        return keys
    }

    private static let certificate = "-----BEGIN CERTIFICATE-----"

    private func blocks(of text: String) throws(KeyError) -> [String] {
        var blocks: [String] = []
        var block: String?
        for line in text.split(whereSeparator: \.isNewline).map(\.trimmed) {
            if line.hasPrefix("-----BEGIN ") { block = "" }
            if block != nil { block! += "\(line)\n" }
            guard line.hasPrefix("-----END "), let whole = block else { continue }
            blocks.append(whole)
            block = nil
        }
        guard !blocks.isEmpty, block == nil else { throw fault("its PEM ends without a line -----END …-----") }
        return blocks
    }

    /// The first reading that succeeds: the kind of the key is inside the block.
    private func algorithms(of pem: String) async throws(KeyError) -> [String: any JWTAlgorithm] {
        let isCertificate = pem.hasPrefix(Self.certificate)
        if let key = try? isCertificate ? ES256PublicKey(certificate: pem) : ES256PublicKey(pem: pem) {
            return ["ES256": try await signer { await $0.add(ecdsa: key) }]
        }
        if let key = try? isCertificate ? ES384PublicKey(certificate: pem) : ES384PublicKey(pem: pem) {
            return ["ES384": try await signer { await $0.add(ecdsa: key) }]
        }
        if let key = try? isCertificate ? ES512PublicKey(certificate: pem) : ES512PublicKey(pem: pem) {
            return ["ES512": try await signer { await $0.add(ecdsa: key) }]
        }
        if !isCertificate, let key = try? EdDSA.PublicKey(pem: pem) {
            let algorithm = try await signer { await $0.add(eddsa: key) }
            return ["EdDSA": algorithm, "Ed25519": algorithm]
        }
        let rsa: Insecure.RSA.PublicKey
        do {
            rsa = try isCertificate ? .init(certificatePEM: pem) : .init(pem: pem)
        } catch {
            throw fault("a block of its PEM is no public key for RS, PS, ES or EdDSA (RSA needs 2048 bits)")
        }
        return try await algorithms(of: rsa)
    }

    /// An RSA key that does not say what it is for can be for all of these.
    private func algorithms(of key: Insecure.RSA.PublicKey) async throws(KeyError) -> [String: any JWTAlgorithm] {
        var algorithms: [String: any JWTAlgorithm] = [:]
        for (bits, digest) in [("256", DigestAlgorithm.sha256), ("384", .sha384), ("512", .sha512)] {
            algorithms["RS" + bits] = try await signer { await $0.add(rsa: key, digestAlgorithm: digest) }
            algorithms["PS" + bits] = try await signer { await $0.add(pss: key, digestAlgorithm: digest) }
        }
        return algorithms
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        let rest = drop(while: \.isWhitespace)
        return rest.prefix(
            rest.lastIndex { !$0.isWhitespace }.map { rest.distance(from: rest.startIndex, to: $0) + 1 } ?? 0)
    }
}
