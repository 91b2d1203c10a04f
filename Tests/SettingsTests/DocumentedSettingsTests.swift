import Foundation
import Testing

@testable import Settings

@Suite("Settings in the README")
struct DocumentedSettingsTests {
    private static let readme = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try? String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    }()

    @Test("each flag and each variable is in the table, or is a known one of another command")
    func names() throws {
        let text = try #require(Self.readme)
        let table = SettingTable.server
        let flags = text.matches(of: /--([a-z][a-z-]+)/).map { String($0.output.1) }
        #expect(flags.count > 5)
        for flag in flags where !["help", "lang"].contains(flag) { #expect(table[flag] != nil, "--\(flag)") }
        let variables = text.matches(of: /`(SLUICE_[A-Z_]+)`/).map { String($0.output.1) }
            // The constants of sluice.h.
            .filter { !["SLUICE_NONBLOCKING", "SLUICE_SHARED"].contains($0) }
        #expect(!variables.isEmpty)
        for variable in variables { #expect(table.rows.contains { $0.variable == variable }, "\(variable)") }
    }

    @Test("its example of a configuration file is valid")
    func configuration() throws {
        let text = try #require(Self.readme)
        let examples = text.matches(of: /`([a-z][a-z-]*: [^`]+)`/).map { String($0.output.1) }
        #expect(examples.count > 2)
        for example in examples {
            _ = try Settings(
                SettingSources(
                    flags: [:], environment: [:], file: ConfigurationFile(parsing: example, path: "README.md")))
        }
    }
}
