import Testing

@testable import Settings

@Suite("Settings that nothing reads")
struct SettingWarningTests {
    private let serving = [(plugin: "files", producer: "tail"), (plugin: "files", producer: "list")]

    private func warnings(_ text: String) throws -> [String] {
        try Settings(
            SettingSources(flags: [:], environment: [:], file: ConfigurationFile(parsing: text, path: "s.yaml"))
        ).warnings(loaded: serving)
    }

    @Test("producers that no plugin has are reported with their lines, and with a suggestion")
    func producers() throws {
        #expect(try warnings("producers: {tail: {root: a}, files/list: {root: b}}\nhubs: {list: {linger: 1}}").isEmpty)
        #expect(
            try warnings("producers:\n  tial:\n    root: a\n  hello:\nhubs:\n  lists: {linger: 1}\n  files/tail:") == [
                "s.yaml:2: producers: no loaded plugin has a producer 'tial'; did you mean 'tail'?",
                "s.yaml:4: producers: no loaded plugin has a producer 'hello'",
                "s.yaml:6: hubs: no loaded plugin has a producer 'lists'; did you mean 'list'?",
                "s.yaml:7: hubs: no loaded plugin has a producer 'files/tail'",
            ])
    }

    @Test("unknown variables are reported, in order")
    func variables() {
        #expect(
            EnvironmentVariables.warnings(for: ["SLUICE_RETRI", "HOME", "SLUICE_COLOUR", "SLUICE_CONFG", "SLUICER"])
                == [
                    "unknown environment variable SLUICE_COLOUR; sluice serve --help lists all settings",
                    "unknown environment variable SLUICE_CONFG; did you mean SLUICE_CONFIG?",
                    "unknown environment variable SLUICE_RETRI; did you mean SLUICE_RETRY?",
                ])
    }

    @Test(
        "variables that something else reads are not reported",
        arguments: [
            "SLUICE_CONFIG", "SLUICE_MAX_STREAMS", "SLUICE_INHERITED_NOFILE", "SLUICE_PROBE", "SLUICE_TEST_LEDGER",
            "SLUICE_PARAM_SYMBOL", "SLUICE_INCLUDE", "SLUICE_PACKAGE", "SLUICE_SERVICE_HOST", "SLUICE_PORT_80_TCP",
        ])
    func others(variable: String) { #expect(EnvironmentVariables.warnings(for: [variable]).isEmpty) }

    @Test(
        "a suggestion is close, and there is none for a name that is far from all",
        arguments: [("lingr", "linger"), ("max-stream", "max-streams"), ("colour", nil), ("x", nil), ("", nil)])
    func suggestions(name: String, meant: String?) {
        #expect(Suggestion.nearest(to: name, among: SettingTable.server.names) == meant)
    }
}
