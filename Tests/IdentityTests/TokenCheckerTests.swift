import ProducerInterface
import TestSupport
import Testing

@testable import Identity

@Suite("Tokens")
struct TokenCheckerTests {
    private func checker(_ change: (inout TokenChecker) -> Void = { _ in }) async throws -> TokenChecker {
        var checker = TokenChecker()
        try await checker.setKeys([KeyMaterial(TokenFactory.secret, name: "secret", algorithm: "HS256")])
        change(&checker)
        return checker
    }

    @Test("malformed tokens of every kind are refused")
    func malformed() async throws {
        let checker = try await checker()
        let good = TokenFactory.token(payload: #"{"sub":"ann"}"#)
        #expect(try checker.check(good[...], at: 0).identity.subject == "ann")
        let parts = good.split(separator: ".").map(String.init)
        func header(_ text: String) -> String { TokenFactory.token(header: text, payload: "{}") }
        let base64 = TokenFault.malformed("a part is not in Base64 for URLs")
        let noHeader = TokenFault.malformed("its header is not a JSON object with “alg” and, perhaps, “kid”")
        let noPayload = TokenFault.malformed("its payload is not a JSON object")
        let tooDeep = TokenFault.malformed("its JSON is nested too deeply")
        let cases: [(String, TokenFault)] = [
            ("", .malformed("it does not have three parts")),
            (".", .malformed("it does not have three parts")),
            ("..", noHeader),
            ("...", .malformed("it does not have three parts")),
            (parts[0], .malformed("it does not have three parts")),
            (parts[0] + "." + parts[1], .malformed("it does not have three parts")),
            (good + ".", .malformed("it does not have three parts")),
            (good + ".x.y", .malformed("it does not have three parts")),
            (parts[0] + "." + parts[1] + ".", .signature),
            (parts[0] + ".." + parts[2], .signature),
            ("." + parts[1] + "." + parts[2], noHeader),
            (good + "=", base64), (good + "A", .signature), (good + "+", base64), (" " + good, base64),
            (good + "\n", base64),
            (parts[0] + "!." + parts[1] + "." + parts[2], base64),
            // The same bytes in another spelling.
            (String(good.dropLast()) + Self.next(good.last!), base64),
            (header("{}"), noHeader), (header("[]"), noHeader), (header("null"), noHeader), (header(""), noHeader),
            (header(#"{"alg":1}"#), noHeader), (header(#"{"alg":null}"#), noHeader),
            (header(#"{"alg":["HS256"]}"#), noHeader), (header(#"{"alg":"HS256""#), noHeader),
            (header(#"{"alg":"HS256","kid":1}"#), noHeader),
            (header(#"{"alg":"HS256","crit":["exp"]}"#), .malformed("its header has “crit”")),
            (header(#"{"alg":"HS256","crit":[]}"#), .malformed("its header has “crit”")),
            (header(#"{"alg":"HS256","b64":false,"crit":["b64"]}"#), .malformed("its header has “crit”")),
            (header(#"{"alg":"none"}"#), .algorithm("none")), (header(#"{"alg":"None"}"#), .algorithm("None")),
            (header(#"{"alg":""}"#), .algorithm("")), (header(#"{"alg":"hs256"}"#), .algorithm("hs256")),
            (header(#"{"alg":"HS256\u0000"}"#), .algorithm("HS256\0")),
            (header(#"{"alg":"RS256"}"#), .algorithm("RS256")), (header(#"{"alg":"HS512"}"#), .algorithm("HS512")),
            (TokenFactory.base64URL(#"{"alg":"none"}"#.utf8) + "." + parts[1] + ".", .algorithm("none")),
            (TokenFactory.token(payload: ""), noPayload), (TokenFactory.token(payload: "[]"), noPayload),
            (TokenFactory.token(payload: "null"), noPayload), (TokenFactory.token(payload: "\"x\""), noPayload),
            (TokenFactory.token(payload: "{\"sub\":"), noPayload), (TokenFactory.token(payload: "{} {}"), noPayload),
            (TokenFactory.token(payload: #"{"exp":1e999}"#), noPayload),
            (TokenFactory.token(payload: String(repeating: "[", count: 20_000)), tooDeep),
            (header(#"{"alg":"HS256","x":"# + String(repeating: "[", count: 17)), tooDeep),
            (
                TokenFactory.token(payload: #"{"x":"[[[[[[[[[[[[[[[[[[","sub":1}"#),
                .malformed("its “sub” is not a string")
            ),
            (
                TokenFactory.token(
                    payload: "{\"a\":" + String(repeating: "[", count: 5_000) + String(repeating: "]", count: 5_000)
                        + "}"),
                tooDeep
            ),
            (TokenFactory.token(payload: #"{"sub":1}"#), .malformed("its “sub” is not a string")),
            (TokenFactory.token(payload: #"{"sub":"ann\u0000"}"#), .malformed("its “sub” is not a string")),
            (TokenFactory.token(payload: #"{"sub":null}"#), .malformed("its “sub” is not a string")),
            (TokenFactory.token(payload: #"{"iss":["a"]}"#), .malformed("its “iss” is not a string")),
            (TokenFactory.token(payload: #"{"exp":"1"}"#), .malformed("its “exp” is not a number")),
            (TokenFactory.token(payload: #"{"nbf":true}"#), .malformed("its “nbf” is not a number")),
            (TokenFactory.token(payload: #"{"exp":-1}"#), .expired),
            (TokenFactory.token(payload: #"{"exp":-1e300}"#), .expired),
            (TokenFactory.token(payload: #"{"nbf":1e300}"#), .notYetValid),
        ]
        for (token, fault) in cases {
            #expect(throws: fault, "\(token.prefix(120))") { try checker.check(token[...], at: 1) }
        }
        // For the client, nothing that helps to guess, and nothing that a header can't hold.
        for (_, fault) in cases {
            #expect(fault.description.utf8.allSatisfy { 0x20...0x7e ~= $0 && $0 != UInt8(ascii: "\"") })
        }
    }

    /// Another last character that stands for the same bits of the last byte.
    private static func next(_ last: Character) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        return String(alphabet[alphabet.firstIndex(of: last)! + 1])
    }

    @Test("each changed byte of a token makes it invalid")
    func changedBytes() async throws {
        let checker = try await checker()
        let good = Array(TokenFactory.token(payload: #"{"sub":"ann","scope":"a b"}"#).utf8)
        for index in good.indices {
            var bytes = good
            bytes[index] = bytes[index] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
            let token = String(decoding: bytes, as: UTF8.self)
            #expect(throws: TokenFault.self, "byte \(index)") { try checker.check(token[...], at: 0) }
        }
    }

    @Test("a token is valid from nbf to exp, give or take the leeway; its stream ends at exp")
    func times() async throws {
        let token = TokenFactory.token(payload: #"{"nbf":100,"exp":200.5}"#)
        let exact = try await checker()
        let lenient = try await checker { $0.leeway = 5 }
        #expect(throws: TokenFault.notYetValid) { try exact.check(token[...], at: 99.9) }
        #expect(try exact.check(token[...], at: 100).lifetime == 100_500_000_000)
        #expect(throws: TokenFault.expired) { try exact.check(token[...], at: 200.5) }
        #expect(throws: TokenFault.notYetValid) { try lenient.check(token[...], at: 94.9) }
        #expect(try lenient.check(token[...], at: 95).lifetime == 105_500_000_000)
        #expect(try lenient.check(token[...], at: 200).lifetime == 500_000_000)
        #expect(try lenient.check(token[...], at: 203).lifetime == 2_500_000_000)
        #expect(throws: TokenFault.expired) { try lenient.check(token[...], at: 205.5) }
        let forever = TokenFactory.token(payload: #"{"exp":1e300}"#)
        #expect(try exact.check(forever[...], at: 0).lifetime == 9_000_000_000_000_000_000)
        #expect(try exact.check(TokenFactory.token(payload: "{}")[...], at: 0).lifetime == nil)
    }

    @Test("issuer and audience must be among the accepted ones")
    func parties() async throws {
        let checker = try await checker {
            $0.issuers = ["https://id.example"]; $0.audiences = ["events", "https://a"]
        }
        for (payload, fault) in [
            (#"{"iss":"https://id.example","aud":"events"}"#, nil),
            (#"{"iss":"https://id.example","aud":["x","https://a"]}"#, nil),
            (#"{"iss":"https://id.example/","aud":"events"}"#, .issuer("https://id.example/")),
            (#"{"aud":"events"}"#, .issuer("")), (#"{"iss":"https://id.example"}"#, .audience("")),
            (#"{"iss":"https://id.example","aud":"event"}"#, .audience("event")),
            (#"{"iss":"https://id.example","aud":[]}"#, .audience("")),
            (#"{"iss":"https://id.example","aud":{"events":1}}"#, .audience("")),
        ] as [(String, TokenFault?)] {
            let token = TokenFactory.token(payload: payload)
            if let fault {
                #expect(throws: fault, "\(payload)") { try checker.check(token[...], at: 0) }
            } else {
                _ = try checker.check(token[...], at: 0)
            }
        }
        // A token for another server is not for one that has no name (RFC 7519 §4.1.3).
        let token = TokenFactory.token(payload: #"{"aud":"other"}"#)
        let nameless = try await self.checker()
        #expect(throws: TokenFault.audience("other")) { try nameless.check(token[...], at: 0) }
    }

    @Test("claims are text, or JSON if they are none")
    func claims() async throws {
        let payload = #"{"sub":"ann","n":1,"x":1.5,"t":true,"z":null,"a":["b",1],"o":{"b":"<","a":[{}]},"e":""}"#
        let claims = try await checker().check(TokenFactory.token(payload: payload)[...], at: 0).identity.claims
        #expect(
            claims == [
                "sub": "ann", "n": "1", "x": "1.5", "t": "true", "z": "null", "a": #"["b",1]"#,
                "o": #"{"a":[{}],"b":"\u003c"}"#, "e": "",
            ])
    }

    @Test("static tokens are known by their hashes")
    func staticTokens() async throws {
        let ann = TokenFactory.hash(of: "another secret")
        let known = TokenFactory.hash(of: "secret-of-bob")
        let text = "# comment\n\(ann) ann\n\n  \(known.uppercased())  bob read:a write:b # his\n"
        var checker = TokenChecker()
        checker.tokens = try StaticTokens(parsing: text, name: "tokens.txt")
        let bob = try checker.check("secret-of-bob", at: 0)
        #expect(
            bob.identity.subject == "bob" && bob.identity.claims["scope"] == "read:a write:b" && bob.lifetime == nil)
        #expect(throws: TokenFault.unknown) { try checker.check("secret-of-ann", at: 0) }
        #expect(throws: TokenFault.unknown) { try checker.check(known[...], at: 0) }
        #expect(throws: TokenFault.unknown) { try checker.check("", at: 0) }
        // Beside keys, both count.
        try await checker.setKeys([KeyMaterial(TokenFactory.secret, name: "secret", algorithm: "HS256")])
        #expect(try checker.check("secret-of-bob", at: 0).identity.subject == "bob")
        #expect(try checker.check(TokenFactory.token(payload: #"{"sub":"c"}"#)[...], at: 0).identity.subject == "c")
        #expect(throws: TokenFault.unknown) { try checker.check("other", at: 0) }
    }

    @Test("a file of static tokens is refused for what is wrong in it")
    func staticFaults() {
        let hash = String(repeating: "a", count: 64)
        let expected = "expected the SHA-256 of a token in 64 hexadecimal digits, and the name of its holder"
        for (text, place, what) in [
            ("", "t", "it has no tokens"), ("# nothing\n", "t", "it has no tokens"), ("\(hash)\n", "t:1", expected),
            ("\(hash) a\nsecret bob\n", "t:2", expected), ("\(hash.dropLast())g a\n", "t:1", expected),
            ("\(hash.dropLast()) a\n", "t:1", expected), ("+\(hash.dropFirst()) a\n", "t:1", expected),
            ("\(hash) a\n\(hash) b\n", "t:2", "the same token is listed twice"),
        ] {
            #expect(throws: KeyError(place, what), "\(text)") { try StaticTokens(parsing: text, name: "t") }
        }
    }

    @Test("random bytes, and random changes of a token, are refused without harm")
    func random() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let checker = try await checker()
        let good = Array(TokenFactory.token(payload: #"{"sub":"ann","aud":[],"exp":9e9}"#).utf8)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let index = Int.random(in: 0..<max(1, bytes.count), using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0 where !bytes.isEmpty: bytes.remove(at: index)
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                default: if !bytes.isEmpty { bytes[index] = UInt8.random(in: 0x20...0x7e, using: &random) }
                }
            }
            if bytes == good { continue }
            let token = String(decoding: bytes, as: UTF8.self)
            #expect(throws: TokenFault.self, "seed \(seed): \(token)") { try checker.check(token[...], at: 0) }
        }
    }
}
