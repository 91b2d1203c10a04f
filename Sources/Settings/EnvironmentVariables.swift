/// Sluice's environment variables: `SLUICE_…`.
package enum EnvironmentVariables {
    package static let prefix = "SLUICE_"
    /// Names the configuration file. It is not a setting, because it can't be in that file.
    package static let configuration = name(for: "config")

    /// Known variables that are not settings: those that the server sets for its child processes, those that plugin
    /// authors' makefiles and packages read, and those that the tests and benchmarks read.
    private static let others: Set = [
        configuration, "SLUICE_INHERITED_NOFILE", "SLUICE_PROBE", "SLUICE_INCLUDE", "SLUICE_PACKAGE",
        "SLUICE_LEAVE_OUT", "SLUICE_BENCH",
    ]
    /// Prefixes of such variables: those of the tests, those that a producer passes to the programs that it starts, and
    /// those that Kubernetes sets for a service named "sluice".
    private static let families = ["SLUICE_TEST_", "SLUICE_PARAM_", "SLUICE_SERVICE_", "SLUICE_PORT"]

    /// `SLUICE_MAX_STREAMS` for `max-streams`.
    package static func name(for setting: String) -> String {
        prefix + setting.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    /// One line for each unknown variable, which is probably a typing error.
    package static func warnings(for variables: some Sequence<String>, table: SettingTable = .server) -> [String] {
        let known = Set(table.rows.map(\.variable)).union(others)
        return variables.filter { name in
            name.hasPrefix(prefix) && !known.contains(name) && !families.contains { name.hasPrefix($0) }
        }.sorted().map { name in
            "unknown environment variable \(name)"
                + Suggestion.text(
                    for: name, among: table.rows.map(\.variable) + [configuration],
                    otherwise: "; sluice serve --help lists all settings", quoted: false)
        }
    }
}
