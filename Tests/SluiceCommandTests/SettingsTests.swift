import ArgumentParser
import Logging
import StreamRuntime
import Testing

@testable import SluiceCommand

@Suite("Settings")
struct SettingsTests {
    /// A value for each key that is not its default.
    static let samples = [
        "plugins": "elsewhere", "listen": "[::1]:9", "loops": "3", "insecure-plugins": "true", "log-level": "debug",
        "control": "/run/s.sock",
        "watch": "true",
        "log-format": "json", "max-connections": "11", "max-streams": "12", "max-streams-per-producer": "13",
        "max-threads": "14", "stack-size": "15M", "max-scheduled-calls": "16", "call-deadline": "17s",
        "max-event-bytes": "15k", "max-body-bytes": "16k", "handoff-bytes": "17k",
        "keep-alive": "18s", "write-deadline": "19", "max-age": "20m", "retry": "21.5", "stall-limit": "22ms",
        "drain-deadline": "23s", "shutdown-deadline": "9s", "probe-deadline": "7s", "probe-memory": "32M",
        "trial-failures": "5",
        "trial-period": "29s", "head-timeout": "24s", "body-timeout": "36s", "body-grace": "31s", "min-body-rate": "32",
        "max-arriving-bytes": "37M", "max-kept-request-bytes": "33M", "idle-timeout": "25s",
        "max-hubs-per-producer": "26",
        "history-events": "27", "history-bytes": "28k", "linger": "forever", "slow-policy": "skip", "anchor": "false",
    ]

    private func settings(
        _ arguments: [String] = ["plugins"], environment: [String: String] = [:], file: String? = nil
    ) throws -> Settings {
        try Settings(
            SettingSources(
                flags: givenFlags(arguments), environment: environment,
                file: file.map { text throws(SettingError) in try ConfigurationFile(parsing: text, path: "s.yaml") }))
    }

    @Test("the defaults are those of the help")
    func defaults() throws {
        let settings = try settings()
        #expect(settings.pluginDirectory == "plugins")
        #expect(settings.listen == ListenAddress(host: "127.0.0.1", port: 8080))
        #expect((1...255).contains(settings.loopCount))
        #expect(!settings.acceptsInsecurePlugins)
        #expect(settings.logLevel == .info)
        #expect(settings.logFormat == .text)
        #expect(settings.connectionCountMax == 4096)
        #expect(settings.streamCountMax == 100_000)
        #expect(settings.streamCountPerProducerMax == 100_000)
        #expect(settings.threadCountMax == 256)
        #expect(settings.stackBytes == 8 << 20 && settings.scheduledCallCountMax == 10_000)
        #expect(settings.callDeadlineNanoseconds == 1_000_000_000)
        #expect(settings.eventBytesMax == 1 << 20)
        #expect(settings.bodyBytesMax == 1 << 20)
        #expect(settings.arrivingBytesMax == 64 << 20)
        #expect(settings.handoffBytes == 64 << 10)
        #expect(settings.keepAliveNanoseconds == 15_000_000_000)
        #expect(settings.writeDeadlineNanoseconds == 30_000_000_000)
        #expect(settings.maxAgeNanoseconds == 0)
        #expect(settings.retryMilliseconds == 2000)
        #expect(settings.stallLimitNanoseconds == 50_000_000)
        #expect(settings.drainDeadlineNanoseconds == 30_000_000_000)
        #expect(settings.shutdownDeadlineNanoseconds == 4_000_000_000)
        #expect(settings.headTimeoutNanoseconds == 10_000_000_000)
        #expect(settings.bodyTimeoutNanoseconds == 30_000_000_000)
        #expect(settings.bodyGraceNanoseconds == 10_000_000_000)
        #expect(settings.bodyBytesPerSecondMin == 240)
        #expect(settings.idleTimeoutNanoseconds == 60_000_000_000)
        #expect(settings.keptRequestBytesMax == 256 << 20)
        #expect(settings.trialRules == Trial.Rules())
        #expect(settings.producerSections.isEmpty)
        #expect(settings.hubCountPerProducerMax == 1000)
        #expect(settings.hub == HubSettings())
        #expect(settings.hubs.isEmpty)
    }

    @Test("a producer's shared streams are as for all, but for what the section 'hubs' says")
    func hubs() throws {
        let settings = try settings(
            ["plugins", "--history-events", "10"],
            file: """
                linger: 1m
                hubs:
                  tail: {history-events: 5000, slow-policy: skip}
                  quiet:
                """)
        #expect(settings.hub.historyEvents == 10)
        #expect(settings.hub.linger == 60_000_000_000)
        #expect(settings.hubs["quiet"] == settings.hub)
        #expect(settings.hubs["tail"]?.historyEvents == 5000)
        #expect(settings.hubs["tail"]?.slowPolicy == .skip)
        #expect(settings.hubs["tail"]?.linger == 60_000_000_000)
        #expect(
            throws: SettingError(
                "s.yaml:2: linger: expected a time from 0 to 365d ('15' and '15s' are seconds; '500ms', '2m', '1h'), or forever, not 'soon'"
            )
        ) {
            try self.settings(file: "hubs:\n  tail: {linger: soon}")
        }
    }

    @Test("every setting can be set by flag, variable and file, to the same effect", arguments: SettingTable.keys)
    func threeWays(key: String) throws {
        let sample = try #require(Self.samples[key], "a sample for \(key)")
        let directory = key == "plugins" ? [] : ["plugins"]
        let flag = ["insecure-plugins", "watch"].contains(key) ? ["--\(key)"] : ["--\(key)", sample]
        let byFlag = try settings(directory + flag)
        let byVariable = try settings(directory, environment: [SettingTable.variable(of: key): sample])
        let byFile = try settings(directory, file: "\(key): '\(sample)'")
        #expect(byFlag == byVariable)
        #expect(byFile.configurationPath == "s.yaml")
        var withoutPath = byFile
        withoutPath.configurationPath = nil
        #expect(byFlag == withoutPath)
        #expect(try byFlag != settings())
    }

    @Test("each setting has its own field")
    func fields() throws {
        let lines = Self.samples.map { "\($0.key): '\($0.value)'" }.joined(separator: "\n")
        let settings = try settings([], file: lines)
        #expect(settings.pluginDirectory == "elsewhere")
        #expect(settings.listen.description == "[::1]:9")
        #expect(settings.loopCount == 3)
        #expect(settings.acceptsInsecurePlugins)
        #expect(settings.logLevel == .debug)
        #expect(settings.logFormat == .json)
        #expect(settings.connectionCountMax == 11)
        #expect(settings.streamCountMax == 12)
        #expect(settings.streamCountPerProducerMax == 13)
        #expect(settings.threadCountMax == 14)
        #expect(settings.stackBytes == 15 << 20 && settings.scheduledCallCountMax == 16)
        #expect(settings.callDeadlineNanoseconds == 17_000_000_000)
        #expect(settings.eventBytesMax == 15 << 10)
        #expect(settings.bodyBytesMax == 16 << 10)
        #expect(settings.handoffBytes == 17 << 10)
        #expect(settings.keepAliveNanoseconds == 18_000_000_000)
        #expect(settings.writeDeadlineNanoseconds == 19_000_000_000)
        #expect(settings.maxAgeNanoseconds == 1_200_000_000_000)
        #expect(settings.retryMilliseconds == 21_500)
        #expect(settings.stallLimitNanoseconds == 22_000_000)
        #expect(settings.drainDeadlineNanoseconds == 23_000_000_000)
        #expect(settings.shutdownDeadlineNanoseconds == 9_000_000_000)
        #expect(settings.headTimeoutNanoseconds == 24_000_000_000)
        #expect(settings.bodyTimeoutNanoseconds == 36_000_000_000)
        #expect(settings.bodyGraceNanoseconds == 31_000_000_000)
        #expect(settings.bodyBytesPerSecondMin == 32)
        #expect(settings.idleTimeoutNanoseconds == 25_000_000_000)
        #expect(settings.keptRequestBytesMax == 33 << 20)
        #expect(settings.arrivingBytesMax == 37 << 20)
        #expect(settings.probeDeadlineNanoseconds == 7_000_000_000)
        #expect(settings.probeMemoryBytes == 32 << 20)
        #expect(settings.control == "/run/s.sock" && settings.watches)
        #expect(settings.hubCountPerProducerMax == 26)
        #expect(settings.hub.historyEvents == 27)
        #expect(settings.hub.historyBytes == 28 << 10)
        #expect(settings.hub.linger == .max)
        #expect(settings.hub.slowPolicy == .skip && !settings.hub.isAnchored)
    }

    @Test("flags win over the environment, and that over the file")
    func precedence() throws {
        let variable = ["SLUICE_MAX_STREAMS": "2"]
        #expect(
            try settings(["p", "--max-streams", "1"], environment: variable, file: "max-streams: 3").streamCountMax == 1
        )
        #expect(try settings(environment: variable, file: "max-streams: 3").streamCountMax == 2)
        #expect(try settings(file: "max-streams: 3").streamCountMax == 3)
        #expect(
            try !settings(["p", "--no-insecure-plugins"], environment: ["SLUICE_INSECURE_PLUGINS": "1"])
                .acceptsInsecurePlugins)
    }

    @Test("the directory may be named twice only if it is the same")
    func twoDirectories() throws {
        #expect(try settings(["a", "--plugins", "a"]).pluginDirectory == "a")
        let error = try #require(throws: (any Error).self) { try ServeOptions.parse(["a", "--plugins", "b"]) }
        #expect(CommandEnd(error).status == 2)
        #expect(ServeOptions.message(for: error) == "two directories of plugins: DIR is 'a', but --plugins is 'b'")
    }

    @Test("without a directory there is nothing to serve, and the message says how to name one")
    func noDirectory() throws {
        let error = try #require(throws: SettingError.self) { try settings([]) }
        #expect(error.description.hasPrefix("no plugins: name their directory, as 'sluice serve DIR'"))
    }

    @Test("a wrong value is refused with its place and what is expected")
    func wrongValues() throws {
        let time = "expected a time from 10ms to 1h ('15' and '15s' are seconds; '500ms', '2m', '1h')"
        #expect(throws: SettingError("--keep-alive: \(time), not 'soon'")) {
            try settings(["p", "--keep-alive", "soon"])
        }
        #expect(throws: SettingError("SLUICE_KEEP_ALIVE: \(time), not '2h'")) {
            try settings(environment: ["SLUICE_KEEP_ALIVE": "2h"])
        }
        #expect(throws: SettingError("s.yaml:2: keep-alive: \(time), not '[1]'")) {
            try settings(file: "retry: 1\nkeep-alive: '[1]'")
        }
        #expect(throws: SettingError("--max-streams: expected a whole number from 1 to 10000000, not '1.5'")) {
            try settings(["p", "--max-streams", "1.5"])
        }
        #expect(
            throws: SettingError(
                "--handoff-bytes: expected a number of bytes from 4k to 64M ('65536', '64k', '1M'), not '1'")
        ) { try settings(["p", "--handoff-bytes", "1"]) }
        #expect(
            throws: SettingError(
                "--log-level: expected trace, debug, info, notice, warning, error or critical, not 'loud'")
        ) { try settings(["p", "--log-level", "loud"]) }
        #expect(throws: SettingError("--log-format: expected text or json, not 'a?b'")) {
            try settings(["p", "--log-format", "a\nb"])
        }
        #expect(
            throws: SettingError(
                "--max-age: expected a time from 10ms to 365d, or 0 for never ('15' and '15s' are seconds; '500ms', "
                    + "'2m', '1h'), not '1ms'")
        ) { try settings(["p", "--max-age", "1ms"]) }
        #expect(throws: SettingError("--listen: expected \(ListenAddress.expectation), not '8080'")) {
            try settings(["p", "--listen", "8080"])
        }
    }

    @Test("a default is a valid value of its setting")
    func initialValues() throws {
        // `required` would trap on one that is not.
        #expect(try settings().headTimeoutNanoseconds > 0)
        #expect(SettingTable.plugins.initialValue == nil)
        #expect(SettingTable.loops.initialValue == nil)
        #expect(SettingTable.keepAlive.initialText == "15s")
    }

    @Test("the help names every setting with its default")
    func help() {
        let help = ServeCommand.helpMessage(columns: 120)
        for key in SettingTable.keys { #expect(help.contains("--\(key)"), "\(key)") }
        #expect(help.contains("--keep-alive <time>"))
        #expect(help.contains("(default: 127.0.0.1:8080)"))
        #expect(help.contains("sluice serve ./plugins"))
    }
}
