import TestSupport
import Testing

@testable import Settings

@Suite("Settings")
struct SettingsTests {
    private func settings(
        _ flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil
    ) throws -> Settings {
        try Settings(
            SettingSources(
                flags: flags, environment: environment,
                file: file.map { text throws(SettingError) in try ConfigurationFile(parsing: text, path: "s.yaml") }))
    }

    @Test("without any source, each has its default")
    func defaults() throws {
        let settings = try settings()
        #expect(settings.plugins == "" && settings.control == "" && settings.loops == 0)
        #expect(settings.listen == [ListenAddress(host: "127.0.0.1", port: 8080)])
        #expect(!settings.insecurePlugins && !settings.watch && settings.anchor)
        #expect(settings.logLevel == .info && settings.logFormat == .text && settings.slowPolicy == .disconnect)
        #expect(settings.maxStreams == 100_000 && settings.maxEventBytes == 1 << 20)
        #expect(
            settings.keepAlive == .seconds(15) && settings.maxAge == .zero && settings.stallLimit == .milliseconds(50))
        #expect(settings.producers.isEmpty)
    }

    @Test(
        "every setting can be set by flag, variable and file, to the same effect", arguments: SettingTable.server.names)
    func threeWays(name: String) throws {
        let sample = try #require(settingSamples[name], "a sample for \(name)")
        let others = settingCompanions[name] ?? [:]
        let ways = [
            try settings(others.merging([name: sample]) { $1 }),
            try settings(others, environment: [EnvironmentVariables.name(for: name): sample]),
            try settings(others, file: "\(name): '\(sample)'"),
        ]
        #expect(ways[2].configurationPath == "s.yaml")
        for way in ways {
            let change = SettingsChange(from: try settings(others), to: way)
            #expect(change.changed + change.fixed == [name])
            let difference = SettingsChange(from: ways[0], to: way)
            #expect(difference.changed.isEmpty && difference.fixed.isEmpty)
        }
    }

    @Test("flags take precedence over the environment, and that over the file")
    func precedence() throws {
        let variable = ["SLUICE_MAX_STREAMS": "2"]
        #expect(try settings(["max-streams": "1"], environment: variable, file: "max-streams: 3").maxStreams == 1)
        #expect(try settings(environment: variable, file: "max-streams: 3").maxStreams == 2)
        #expect(try settings(file: "max-streams: 3").maxStreams == 3)
        let trusting = ["SLUICE_INSECURE_PLUGINS": "1"]
        #expect(try !settings(["insecure-plugins": "false"], environment: trusting).insecurePlugins)
    }

    @Test("a producer has the common settings, except those that the file sets for it")
    func producers() throws {
        let settings = try settings(
            ["history-events": "10"],
            file: """
                linger: 1m
                producers:
                  tail: {root: /var/log}
                  files/tail: {root: /srv}
                hubs:
                  tail: {history-events: 5000, slow-policy: skip}
                  quiet:
                """)
        let tail = try #require(settings.producers["tail"])
        #expect(tail.historyEvents == 5000 && tail.slowPolicy == .skip && tail.linger == .seconds(60))
        #expect(settings.producerConfigurations["tail"] == ["root": "/var/log"])
        let quiet = try #require(settings.producers["quiet"])
        #expect(quiet.historyEvents == 10 && quiet.slowPolicy == .disconnect)
        #expect(settings.producerConfigurations["quiet"] == nil)
        #expect(settings.anyProducer.historyEvents == 10 && settings.anyProducer.linger == .seconds(60))
        #expect(settings.producerConfigurations["files/tail"] == ["root": "/srv"])
        #expect(Set(settings.producers.keys) == ["tail", "files/tail", "quiet"])
        #expect(
            throws: SettingError(
                "s.yaml:2: linger: expected a time from 0 to 365d ('15' and '15s' are seconds; '500ms', '2m', '1h'), or forever, not 'soon'"
            )
        ) {
            try self.settings(file: "hubs:\n  tail: {linger: soon}")
        }
    }

    @Test("an invalid value is reported with its place and what is expected")
    func wrongValues() throws {
        let time = "expected a time from 10ms to 1h ('15' and '15s' are seconds; '500ms', '2m', '1h')"
        #expect(throws: SettingError("--keep-alive: \(time), not 'soon'")) { try settings(["keep-alive": "soon"]) }
        #expect(throws: SettingError("SLUICE_KEEP_ALIVE: \(time), not '2h'")) {
            try settings(environment: ["SLUICE_KEEP_ALIVE": "2h"])
        }
        #expect(throws: SettingError("s.yaml:2: keep-alive: \(time), not '[1]'")) {
            try settings(file: "retry: 1\nkeep-alive: '[1]'")
        }
        #expect(throws: SettingError("--max-streams: expected a whole number from 1 to 10000000, not '1.5'")) {
            try settings(["max-streams": "1.5"])
        }
        #expect(
            throws: SettingError(
                "--handoff-bytes: expected a number of bytes from 4k to 64M ('65536', '64k', '1M'), not '1'")
        ) { try settings(["handoff-bytes": "1"]) }
        #expect(
            throws: SettingError(
                "--log-level: expected trace, debug, info, notice, warning, error or critical, not 'loud'")
        ) { try settings(["log-level": "loud"]) }
        #expect(throws: SettingError("--log-format: expected text or json, not 'a?b'")) {
            try settings(["log-format": "a\nb"])
        }
        #expect(
            throws: SettingError(
                "--max-age: expected a time from 10ms to 365d, or 0 for never ('15' and '15s' are seconds; '500ms', "
                    + "'2m', '1h'), not '1ms'")
        ) { try settings(["max-age": "1ms"]) }
        #expect(throws: SettingError("--listen: expected \(ListenAddress.expectation), not '8080'")) {
            try settings(["listen": "8080"])
        }
    }
}
