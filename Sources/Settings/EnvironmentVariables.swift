/// The variables of the environment that belong to Sluice: `SLUICE_…`.
package enum EnvironmentVariables {
    package static let prefix = "SLUICE_"
    /// Names the configuration file. It is no setting: it can't stand in that file.
    package static let configuration = name(for: "config")

    /// What is not a setting, and is known all the same: the server's own marks for its children, what authors'
    /// makefiles and packages read, and what the tests and benchmarks read.
    private static let others: Set = [
        configuration, "SLUICE_INHERITED_NOFILE", "SLUICE_PROBE", "SLUICE_INCLUDE", "SLUICE_PACKAGE",
        "SLUICE_LEAVE_OUT", "SLUICE_BENCH",
    ]
    /// Families of such names: those of the tests, what a producer passes to the programs that it starts, and what
    /// Kubernetes sets for a service that is called "sluice".
    private static let families = ["SLUICE_TEST_", "SLUICE_PARAM_", "SLUICE_SERVICE_", "SLUICE_PORT"]

    /// `SLUICE_MAX_STREAMS` for `max-streams`.
    package static func name(for setting: String) -> String {
        prefix + setting.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    /// A line for each variable that nothing reads: probably a typing error.
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
