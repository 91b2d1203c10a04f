import Crypto
import CryptoExtras
import Foundation
import JWTKit
import SwiftASN1
import X509

/// Makes keys and tokens as an issuer would.
enum TokenFactory {
    static let secret = Array("a secret of 64 bytes, so that it is long enough for all of HS256-512".utf8)

    static func base64URL(_ bytes: some Sequence<UInt8>) -> String {
        Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(
            of: "/", with: "_"
        )
        .replacingOccurrences(of: "=", with: "")
    }

    /// As `sha256sum` prints it.
    static func hash(of token: String) -> String {
        SHA256.hash(data: Data(token.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// A token signed with `secret`, whatever header and payload are.
    static func token(header: String = #"{"alg":"HS256"}"#, payload: String) -> String {
        let signed = base64URL(header.utf8) + "." + base64URL(payload.utf8)
        let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: secret))
        return signed + "." + base64URL(code)
    }

    static let ed25519 = Curve25519.Signing.PrivateKey()
    static let p256 = P256.Signing.PrivateKey()
    static let p384 = P384.Signing.PrivateKey()
    static let p521 = P521.Signing.PrivateKey()
    static let rsa = Result { try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    /// The public key for an algorithm, in PEM.
    static func pem(for algorithm: String) throws -> String {
        switch algorithm {
        case "ES256": p256.publicKey.pemRepresentation
        case "ES384": p384.publicKey.pemRepresentation
        case "ES512": p521.publicKey.pemRepresentation
        case "EdDSA": EdDSA.PublicKey(backing: ed25519.publicKey).pemRepresentation
        default: try rsa.get().publicKey.pemRepresentation
        }
    }

    /// The same as a JSON Web Key, with further members.
    static func jwk(for algorithm: String, adding members: String = "") throws -> String {
        func ec(_ curve: String, _ point: Data) -> String {
            let half = point.count / 2
            return
                #""kty":"EC","crv":"\#(curve)","x":"\#(base64URL(point.prefix(half)))","y":"\#(base64URL(point.suffix(half)))""#
        }
        let key =
            switch algorithm {
            case "ES256": ec("P-256", p256.publicKey.rawRepresentation)
            case "ES384": ec("P-384", p384.publicKey.rawRepresentation)
            case "ES512": ec("P-521", p521.publicKey.rawRepresentation)
            case "EdDSA": #""kty":"OKP","crv":"Ed25519","x":"\#(base64URL(ed25519.publicKey.rawRepresentation))""#
            case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512": try rsaMembers()
            default: #""kty":"oct","k":"\#(base64URL(secret))""#
            }
        return "{\(key)\(members)}"
    }

    private static func rsaMembers() throws -> String {
        let numbers = try Insecure.RSA.PublicKey(pem: try rsa.get().publicKey.pemRepresentation).getKeyPrimitives()
        return #""kty":"RSA","n":"\#(base64URL(numbers.modulus))","e":"\#(base64URL(numbers.publicExponent))""#
    }

    /// A token that is signed with the algorithm in its header.
    static func token(_ algorithm: String, kid: String? = nil, payload: String) throws -> String {
        let header = #"{"alg":"\#(algorithm)"\#(kid.map { #","kid":"\#($0)""# } ?? "")}"#
        let signed = base64URL(header.utf8) + "." + base64URL(payload.utf8)
        let bytes = Data(signed.utf8)
        let key = SymmetricKey(data: secret)
        let signature: Data =
            switch algorithm {
            case "HS256": Data(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
            case "HS384": Data(HMAC<SHA384>.authenticationCode(for: bytes, using: key))
            case "HS512": Data(HMAC<SHA512>.authenticationCode(for: bytes, using: key))
            case "ES256": try p256.signature(for: SHA256.hash(data: bytes)).rawRepresentation
            case "ES384": try p384.signature(for: SHA384.hash(data: bytes)).rawRepresentation
            case "ES512": try p521.signature(for: SHA512.hash(data: bytes)).rawRepresentation
            case "EdDSA", "Ed25519": try ed25519.signature(for: bytes)
            case "RS256":
                try rsa.get().signature(for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5).rawRepresentation
            case "RS384":
                try rsa.get().signature(for: SHA384.hash(data: bytes), padding: .insecurePKCS1v1_5).rawRepresentation
            case "RS512":
                try rsa.get().signature(for: SHA512.hash(data: bytes), padding: .insecurePKCS1v1_5).rawRepresentation
            case "PS256": try rsa.get().signature(for: SHA256.hash(data: bytes), padding: .PSS).rawRepresentation
            case "PS384": try rsa.get().signature(for: SHA384.hash(data: bytes), padding: .PSS).rawRepresentation
            default: try rsa.get().signature(for: SHA512.hash(data: bytes), padding: .PSS).rawRepresentation
            }
        return signed + "." + base64URL(signature)
    }

    /// A certificate that vouches for itself, with its key for ES256.
    struct Certified {
        let pem: String
        fileprivate let key: P256.Signing.PrivateKey

        func token(payload: String) throws -> String {
            let signed = base64URL(#"{"alg":"ES256"}"#.utf8) + "." + base64URL(payload.utf8)
            return signed + "."
                + base64URL(try key.signature(for: SHA256.hash(data: Data(signed.utf8))).rawRepresentation)
        }
    }

    static func certificate() throws -> Certified {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("test") }
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: .distantPast,
            notValidAfter: .distantFuture, issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: .init(), issuerPrivateKey: .init(key))
        return Certified(pem: try certificate.serializeAsPEM().pemString + "\n", key: key)
    }
}
