import ProducerInterface
import Testing

@testable import Identity

@Suite("Keys")
struct KeyReaderTests {
    static let algorithms = [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
        "EdDSA",
    ]

    private func checker(_ texts: String..., id: String? = nil, algorithm: String? = nil) async throws -> TokenChecker {
        var checker = TokenChecker()
        try await checker.setKeys(
            texts.map { KeyMaterial(Array($0.utf8), name: "keys", id: id, algorithm: algorithm) })
        return checker
    }

    @Test("a token of every algorithm is accepted with its key", arguments: algorithms)
    func everyAlgorithm(algorithm: String) async throws {
        let token = try TokenFactory.token(algorithm, payload: #"{"sub":"ann"}"#)
        let asJSON = try await checker(TokenFactory.jwk(for: algorithm))
        #expect(try asJSON.check(token[...], at: 0).identity.subject == "ann")
        let other =
            algorithm.hasPrefix("HS")
            ? try await checker(String(decoding: TokenFactory.secret, as: UTF8.self) + "\n", algorithm: algorithm)
            : try await checker(TokenFactory.pem(for: algorithm))
        #expect(try other.check(token[...], at: 0).identity.subject == "ann")
        let set = try await checker(
            #"{"keys":[\#(TokenFactory.jwk(for: algorithm, adding: #","alg":"\#(algorithm)","kid":"k","use":"sig""#))]}"#
        )
        #expect(try set.check(token[...], at: 0).identity.subject == "ann")
    }

    @Test("no key accepts a token of another algorithm than its own", arguments: algorithms)
    func confusion(algorithm: String) async throws {
        let token = try TokenFactory.token(algorithm, payload: "{}")
        for other in Self.algorithms {
            let key = try await checker(TokenFactory.jwk(for: other, adding: #","alg":"\#(other)""#))
            if other == algorithm {
                _ = try key.check(token[...], at: 0)
            } else {
                #expect(throws: TokenFault.algorithm(algorithm)) { try key.check(token[...], at: 0) }
            }
        }
    }

    @Test("a public key is no secret")
    func publicKeyAsSecret() async throws {
        // As an attacker would who knows the public key, and hopes that it is used as a secret for HS256.
        let pem = try TokenFactory.pem(for: "RS256")
        let token = TokenFactory.token(payload: "{}")
        await #expect(throws: TokenFault.algorithm("HS256")) { try await checker(pem).check(token[...], at: 0) }
    }

    @Test(
        "what is neither PEM nor a JSON object is no secret unless somebody says so",
        arguments: [
            "[{\"kty\":\"RSA\"}]", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 ann@example.com",
            "<html>404 Not Found</html>",
            "0\u{82}\u{1}\"0\r\u{6}\t*H a key in DER, which is of course public",
            "-\0-\0-\0-\0-\0B\0E\0G\0I\0N\0 \0P\0U\0B\0", "",
        ])
    func noSecret(text: String) async {
        let what = "it is neither PEM nor a JSON object; for a secret, add alg=HS256, HS384 or HS512 to its name"
        await #expect(throws: KeyError("keys", what)) { try await checker(text) }
    }

    @Test(
        "a byte order mark, indented PEM, and the name of a curve before it, do no harm; of certificates, the first counts"
    )
    func forms() async throws {
        let token = try TokenFactory.token("ES256", payload: #"{"sub":"ann"}"#)
        let pem = try TokenFactory.pem(for: "ES256")
        for text in [
            "\u{feff}" + pem, try "\u{feff}" + TokenFactory.jwk(for: "ES256"),
            pem.split(separator: "\n").map { "    \($0)  \r\n" }.joined(),
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + pem,
        ] {
            #expect(try await checker(text).check(token[...], at: 0).identity.subject == "ann")
        }
        let (first, second) = (try TokenFactory.certificate(), try TokenFactory.certificate())
        let chain = try await checker(first.pem + second.pem)
        for (certificate, isAccepted) in [(first, true), (second, false)] {
            let token = try certificate.token(payload: #"{"sub":"ann"}"#)
            #expect((try? chain.check(token[...], at: 0).identity.subject) == (isAccepted ? "ann" : nil))
        }
    }

    @Test("a key for Ed25519 may say so by its newer name")
    func curveName() async throws {
        let key = try await checker(TokenFactory.jwk(for: "EdDSA", adding: #","alg":"Ed25519""#))
        let token = try TokenFactory.token("Ed25519", payload: #"{"sub":"ann"}"#)
        #expect(try key.check(token[...], at: 0).identity.subject == "ann")
    }

    @Test("the examples of RFC 7515 and RFC 8037")
    func examples() async throws {
        let secret = try await checker(
            #"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#
        )
        let first =
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        let accepted = try secret.check(first[...], at: 1_300_819_379)
        #expect(accepted.identity.claims == ["iss": "joe", "exp": "1300819380", "http://example.com/is_root": "true"])
        #expect(accepted.lifetime == 1_000_000_000)
        #expect(throws: TokenFault.expired) { try secret.check(first[...], at: 1_300_819_380) }
        let curve = try await checker(
            #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
        )
        let second =
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
        #expect(try curve.check(second[...], at: 0).identity.claims["iss"] == "joe")
        let edwards = try await checker(
            #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)
        let third =
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        // Its signature is valid; what it signs is no set of claims.
        #expect(throws: TokenFault.malformed("its payload is not a JSON object")) {
            try edwards.check(third[...], at: 0)
        }
    }

    @Test("a token's key ID selects the key")
    func keyIDs() async throws {
        let keys = try await checker(
            #"{"keys":[\#(TokenFactory.jwk(for: "ES256", adding: #","kid":"old""#)),\#(TokenFactory.jwk(for: "EdDSA", adding: #","kid":"new""#))]}"#
        )
        let payload = #"{"sub":"ann"}"#
        for (algorithm, kid, fault) in [
            ("ES256", "old", nil), ("EdDSA", "new", nil), ("ES256", nil, nil),
            ("ES256", "new", TokenFault.algorithm("ES256")), ("ES256", "other", .key(id: "other")),
        ] as [(String, String?, TokenFault?)] {
            let token = try TokenFactory.token(algorithm, kid: kid, payload: payload)
            guard let fault else {
                #expect(try keys.check(token[...], at: 0).identity.subject == "ann")
                continue
            }
            #expect(throws: fault) { try keys.check(token[...], at: 0) }
        }
        // A key without an ID is for tokens of any.
        let token = try TokenFactory.token("ES256", kid: "other", payload: payload)
        #expect(try await checker(TokenFactory.pem(for: "ES256")).check(token[...], at: 0).identity.subject == "ann")
        let named = try await checker(TokenFactory.pem(for: "ES256"), id: "mine")
        #expect(throws: TokenFault.key(id: "other")) { try named.check(token[...], at: 0) }
    }

    @Test("what an issuer publishes for other purposes is skipped")
    func foreignKeys() async throws {
        let others = [
            #"{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"}"#, #"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#,
            #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#, #"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
            #"{"kty":"RSA","alg":"RSA-OAEP","n":"AQAB","e":"AQAB"}"#,
        ]
        let set = "{\"keys\":[" + (others + [try TokenFactory.jwk(for: "ES256")]).joined(separator: ",") + "]}"
        let token = try TokenFactory.token("ES256", payload: "{}")
        #expect(try await checker(set).check(token[...], at: 0).identity.subject == "")
        await #expect(throws: KeyError("keys", "none of its 5 keys is for RS, PS, ES, EdDSA or HS")) {
            try await checker("{\"keys\":[" + others.joined(separator: ",") + "]}")
        }
    }

    @Test("an algorithm can be fixed")
    func fixedAlgorithm() async throws {
        let keys = try await checker(TokenFactory.pem(for: "RS256"), algorithm: "PS256")
        let (good, bad) = (
            try TokenFactory.token("PS256", payload: "{}"), try TokenFactory.token("RS256", payload: "{}")
        )
        _ = try keys.check(good[...], at: 0)
        #expect(throws: TokenFault.algorithm("RS256")) { try keys.check(bad[...], at: 0) }
    }

    @Test("keys that can't be used are refused, and why")
    func refusals() async throws {
        let weak = "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n"
        for (text, id, algorithm, what) in [
            ("short", nil, "HS256", "a secret for HS256 needs at least 32 bytes; it has 5"),
            ("", nil, "HS256", "a secret for HS256 needs at least 32 bytes; it has 0"),
            (String(repeating: "s", count: 40), nil, "HS384", "a secret for HS384 needs at least 48 bytes; it has 40"),
            (
                String(repeating: "s", count: 40), nil, "ES256",
                "a secret can't be for ES256; expected HS256, HS384 or HS512"
            ),
            (
                weak, nil, nil,
                "it has a private key, which belongs to the issuer alone; this server needs the public one"
            ),
            ("-----BEGIN PUBLIC KEY-----\nAA\n", nil, nil, "its PEM ends without a line -----END …-----"),
            (
                "-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----\n", nil, nil,
                "a block of its PEM is no public key for RS, PS, ES or EdDSA (RSA needs 2048 bits)"
            ),
            ("-----BEGIN EC PARAMETERS-----\nAA\n-----END EC PARAMETERS-----\n", nil, nil, "its PEM has no key"),
            ("{}", nil, nil, "it is neither a JSON Web Key nor a set of them: each key needs “kty”"),
            ("{\"keys\":[1]}", nil, nil, "it is neither a JSON Web Key nor a set of them: each key needs “kty”"),
            ("{\"keys\":[]}", nil, nil, "none of its 0 keys is for RS, PS, ES, EdDSA or HS"),
            ("{\"kty\":\"oct\"}", nil, nil, "a secret has no “k” in Base64 for URLs"),
            (
                try TokenFactory.jwk(for: "ES256", adding: #","d":"AA""#), nil, nil,
                "it has a private key, which belongs to the issuer alone; this server needs the public one"
            ),
            (
                try TokenFactory.jwk(for: "ES256", adding: #","alg":"RS256""#), nil, nil,
                "a key of the type EC can't be for RS256"
            ),
            (try TokenFactory.pem(for: "ES256"), nil, "RS256", "a key can't be for RS256; it is for ES256"),
            (
                try TokenFactory.jwk(for: "HS256", adding: #","alg":"HS256""#), nil, "HS512",
                "a key can't be for HS512; it is for HS256"
            ),
            (
                try TokenFactory.pem(for: "ES256") + "\n" + TokenFactory.pem(for: "ES384"), "a", nil,
                "it has 2 keys, which can't all have one kid"
            ),
        ] as [(String, String?, String?, String)] {
            await #expect(throws: KeyError("keys", what), "\(text)") {
                try await checker(text, id: id, algorithm: algorithm)
            }
        }
    }

    @Test("several files, and several blocks of PEM in one, are all used")
    func several() async throws {
        let keys = try await checker(
            TokenFactory.pem(for: "ES256") + "\r\n" + TokenFactory.pem(for: "ES384"), TokenFactory.jwk(for: "EdDSA"))
        for algorithm in ["ES256", "ES384", "EdDSA"] {
            let token = try TokenFactory.token(algorithm, payload: #"{"sub":"ann"}"#)
            #expect(try keys.check(token[...], at: 0).identity.subject == "ann", "\(algorithm)")
        }
    }
}
