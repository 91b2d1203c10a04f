import FrontDoor
import Glibc
import Identity
import Settings
import TestSupport
import Testing

@testable import SluiceCommand

@Suite("Files with keys and tokens")
struct TokenFilesTests {
    private let place = TemporaryDirectory()

    private func rules(_ file: String) async throws -> ServedTokenRules {
        try await ServedTokenRules(
            Settings(
                SettingSources(flags: [:], environment: [:], file: ConfigurationFile(parsing: file, path: "s.yaml"))))
    }

    @Test("the settings arrive where they are used")
    func uses() async throws {
        let secret = place.write(String(repeating: "s", count: 32).utf8, to: "secret")
        let tokens = place.write((String(repeating: "a", count: 64) + " ann\n").utf8, to: "tokens")
        let rules = try await rules(
            """
            auth: {keys: \(secret) alg=HS256, tokens: \(tokens), issuers: [i], audiences: [a, b], leeway: 1500ms, cookie: c, query: q}
            require: {sub: "{user}", scope: [a, b]}
            access: {open: {auth: none}, own: {auth: {tokens: \(tokens)}}, less: {require: {sub: x}}, maybe: {auth: optional}}
            """)
        let common = rules.common
        #expect(common.policy == .required && common.cookie == "c" && common.query == "q" && !common.checker.isEmpty)
        #expect(
            common.checker.issuers == ["i"] && common.checker.audiences == ["a", "b"] && common.checker.leeway == 1.5)
        #expect(!common.checker.tokens.isEmpty)
        #expect(
            common.requirements
                == ClaimRequirement.merged([
                    ClaimRequirement("sub", [.parameter("user")]), ClaimRequirement("scope", [.text("a")]),
                    ClaimRequirement("scope", [.text("b")]),
                ]))
        let open = try #require(rules.ofProducers["open"])
        #expect(open.policy == .none && open.query == "q" && open.requirements.isEmpty)
        let own = try #require(rules.ofProducers["own"])
        #expect(own.policy == .required && own.cookie == nil && own.checker.issuers.isEmpty)
        let less = try #require(rules.ofProducers["less"])
        #expect(less.requirements == [ClaimRequirement("sub", [.text("x")])] && less.checker.issuers == ["i"])
        #expect(rules.ofProducers["maybe"]?.policy == .optional)
        // The common keys are those of producers that only ask for them.
        let some = try await self.rules(
            "auth: {mode: none, keys: 'env:PATH alg=HS256'}\naccess: {a: {auth: required}, b: {require: {sub: a}, auth: auto}}"
        )
        #expect(some.common.policy == .none && !some.common.checker.isEmpty)
        for name in ["a", "b"] {
            #expect(some.ofProducers[name]?.policy == .required && some.ofProducers[name]?.checker.isEmpty == false)
        }
        let none = try await self.rules("")
        #expect(none.common.policy == .none && none.ofProducers.isEmpty)
    }

    @Test("what can't be read, or could be changed by others, is refused by its name")
    func refusals() async throws {
        let secret = place.write(String(repeating: "s", count: 32).utf8, to: "secret")
        chmod(secret, 0o666)
        let huge = place.write([UInt8](repeating: 0x73, count: (1 << 20) + 1), to: "huge")
        for (file, message) in [
            ("auth-keys: /nonexistent/keys", "/nonexistent/keys: No such file or directory"),
            ("auth-tokens: \(place.path)", "\(place.path): Is a directory"),
            ("auth-keys: env:SLUICE_TEST_NO_SUCH", "auth-keys: the environment has no variable SLUICE_TEST_NO_SUCH"),
            ("auth-keys: \(huge)", "\(huge): expected at most 1 MiB"),
            (
                "auth-keys: \(secret)",
                "\(secret): it is writable by everyone; run chmod go-w \(secret), or pass --insecure-plugins"
            ),
        ] {
            let error = await #expect(throws: SettingError.self, "\(file)") { _ = try await rules(file) }
            #expect(error?.description == message)
        }
        let accepted = try await rules("insecure-plugins: true\nauth-keys: \(secret) alg=HS256")
        #expect(accepted.common.policy == .required)
    }

    @Test("rules that the settings lose stay in force, with the keys that the others have then")
    func kept() async throws {
        let (old, new) = (String(repeating: "a", count: 64), String(repeating: "b", count: 64))
        let tokens = place.write("\(old) ann\n".utf8, to: "tokens")
        func settings(_ access: String) throws -> Settings {
            try Settings(
                SettingSources(
                    flags: [:], environment: [:],
                    file: ConfigurationFile(
                        parsing: "auth: {mode: none, tokens: \(tokens)}\naccess: \(access)\n", path: "s.yaml")))
        }
        let first = try await ServedTokenRules(
            settings("{a: {auth: required}, b: {auth: none}, c: {auth: {tokens: \(tokens)}}}"))
        #expect(first.kept.isEmpty)
        place.write("\(new) ann\n".utf8, to: "tokens")
        let second = try await ServedTokenRules(settings("{}"), after: first)
        #expect(second.kept == ["a", "c"] && second.ofProducers["b"] == nil)
        #expect(second.ofProducers["a"]?.policy == .required)
        let third = try await ServedTokenRules(settings("{a: {auth: none}}"), after: second)
        #expect(third.kept == ["c"] && third.ofProducers["a"]?.policy == TokenRules.Policy.none)
    }
}
