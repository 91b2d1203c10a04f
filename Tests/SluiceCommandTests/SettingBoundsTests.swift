import CommandOutput
import Settings
import StreamRuntime
import TestSupport
import Testing

@testable import SluiceCommand

@Suite("The bounds of settings")
struct SettingBoundsTests {
    private func settings(_ values: [String: String], in place: Place = .flags) throws -> Settings {
        let sources =
            switch place {
            case .flags: SettingSources(flags: values, environment: [:], file: nil)
            case .environment:
                SettingSources(
                    flags: [:],
                    environment: Dictionary(
                        uniqueKeysWithValues: values.map { (EnvironmentVariables.name(for: $0.key), $0.value) }),
                    file: nil)
            case .file:
                SettingSources(
                    flags: [:], environment: [:],
                    file: try ConfigurationFile(
                        parsing: values.map { "\($0.key): \(EscapedText.quoted($0.value))" }.joined(separator: "\n"),
                        path: "s.yaml"))
            }
        return try Settings(sources)
    }

    private enum Place: CaseIterable { case flags, environment, file }

    /// The bounds in the settings' own messages: the least and the greatest, and 0 if it has its own meaning.
    private func bounds(of key: String) throws -> [String] {
        let error = try #require(throws: SettingError.self) { try settings([key: "?"]) }
        let found = try #require(error.description.firstMatch(of: /from (\w+) to (\w+)(, or 0 for)?/)).output
        return [String(found.1), String(found.2)] + (found.3 == nil ? [] : ["0"])
    }

    /// The settings that are numbers.
    private static let numbers = SettingTable.server.names.filter { key in
        ![
            "plugins", "listen", "insecure-plugins", "control", "watch", "log-level", "log-format", "slow-policy",
            "anchor", "admin", "health-path", "hosts", "cors-origins", "cors-credentials", "cors-exposed-headers",
            "trusted-proxies", "forwarded-headers", "base-path", "access-log", "auth", "auth-keys",
            "auth-issuers", "auth-audiences", "auth-tokens", "auth-cookie", "auth-query", "require",
        ].contains(key)
    }

    /// Converts settings for their users, which must accept every valid value.
    private func use(_ settings: Settings) {
        _ = (settings.limits, settings.frontDoor(), settings.trialRules, settings.loading(copies: nil))
    }

    @Test("both ends of a range are accepted, and lead to possible limits", arguments: numbers)
    func ends(key: String) throws {
        for bound in try bounds(of: key) { use(try settings([key: bound])) }
    }

    @Test("all settings at once")
    func all() throws {
        for choose in [\.[0], \.last!] as [KeyPath<[String], String>] {
            let values = try Self.numbers.map { ($0, try bounds(of: $0)[keyPath: choose]) }
            use(try settings(Dictionary(uniqueKeysWithValues: values)))
        }
    }

    @Test("a number that is too precise is rejected in one line, wherever it is set", arguments: numbers)
    func tooExact(key: String) throws {
        for text in ["0.00000000000000000001", "0." + String(repeating: "0", count: 300) + "1"] {
            for place in Place.allCases {
                let error = try #require(throws: SettingError.self) { try settings([key: text], in: place) }
                #expect(error.description.contains("expected a") && !error.description.contains("\n"))
            }
        }
    }

    @Test("a time that is too short to represent is not 0, which may mean never")
    func almostZero() throws {
        for key in ["max-age", "retry", "drain-deadline", "trial-period", "linger"] {
            #expect(throws: SettingError.self) { try settings([key: "0.0000000001"]) }
            for zero in ["0", "0.0", "0ms", "0.000000000000000000"] { use(try settings([key: zero])) }
        }
    }

    @Test("any text, by flag, variable or file, is accepted everywhere or nowhere, and nothing traps")
    func random() throws {
        var random = SeededRandom.fromEnvironment(test: "settings")
        let pieces =
            (0...9).map(String.init) + [".", ".", "-", "+", "e", "_", " ", "٣", ",", "0x", "inf", "nan", "forever"]
            + ["ms", "s", "m", "h", "d", "k", "K", "M", "G", "ns", "00000000000000000000"]
            + [Int64.max, Int64.min, Int64(Int32.max), Int64(UInt32.max) + 1].map(String.init) + ["\(UInt64.max)"]
        var accepted = 0
        for _ in 0..<2000 {
            let key = Self.numbers.randomElement(using: &random)!
            let isTame = Bool.random(using: &random)
            let text =
                isTame
                ? "\(Int64.random(in: 0...99999, using: &random))" + ["", ".5", "ms", "s", "k", "M"].randomElement(
                    using: &random)!
                : (0..<Int.random(in: 0...8, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                    .joined()
            var (results, first): (Set<String>, Settings?) = ([], nil)
            for place in Place.allCases {
                do {
                    let settings = try settings([key: text], in: place)
                    use(settings)
                    results.insert("accepted")
                    let change = SettingsChange(from: first ?? settings, to: settings)
                    #expect(change.changed.isEmpty && change.fixed.isEmpty, "\(key): '\(text)'")
                    first = settings
                } catch let error as SettingError {
                    #expect(!error.description.contains("\n"), "\(key): '\(text)'")
                    results.insert("refused")
                }
            }
            #expect(results.count == 1, "\(key): '\(text)'")
            if !results.contains("refused") { accepted += 1 }
        }
        #expect(accepted > 100)
    }
}
