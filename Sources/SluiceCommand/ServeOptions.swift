import ArgumentParser
import Settings

/// The command line of `sluice serve`. All values are text here; `Settings` parses them, whatever their source.
struct ServeOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("The directory of plugins (.so files).", valueName: "dir"))
    var directory: String?

    @Option(
        help: ArgumentHelp(
            "The configuration file (default: \(ConfigurationFile.defaultPath), if there is one).", valueName: "file"))
    var config: String?

    @OptionGroup var general: SettingOptions<GeneralSection>
    @OptionGroup(title: "Access") var access: SettingOptions<AccessSection>
    @OptionGroup(title: "Probe") var probe: SettingOptions<ProbeSection>
    @OptionGroup(title: "Trial of a new generation") var trial: SettingOptions<TrialSection>
    @OptionGroup(title: "Log") var log: SettingOptions<LogSection>
    @OptionGroup(title: "Limits") var limits: SettingOptions<LimitSection>
    @OptionGroup(title: "Shared streams") var sharedStreams: SettingOptions<SharedStreamSection>
    @OptionGroup(title: "Times") var times: SettingOptions<TimeSection>

    /// The given options, by the setting's name.
    var flags: [String: String] {
        var flags: [String: String] = [:]
        for given in [
            general.given, access.given, probe.given, trial.given, log.given, limits.given, sharedStreams.given,
            times.given,
        ] {
            flags.merge(given) { $1 }
        }
        if let directory { flags[SettingRows.server.plugins.name] = directory }
        return flags
    }

    func validate() throws {
        if let directory, let plugins = general.given[SettingRows.server.plugins.name], directory != plugins {
            throw ValidationError("two directories of plugins: DIR is '\(directory)', but --plugins is '\(plugins)'")
        }
    }
}

enum GeneralSection: SettingSection {
    static let rows = SettingTable.server.rows(in: .general)
}

enum AccessSection: SettingSection {
    static let rows = SettingTable.server.rows(in: .access)
}

enum ProbeSection: SettingSection {
    static let rows = SettingTable.server.rows(in: .probe)
}

enum TrialSection: SettingSection {
    static let rows = SettingTable.server.rows(in: .trial)
}

enum LogSection: SettingSection {
    static let rows = SettingTable.server.rows(in: .log)
}

enum LimitSection: SettingSection {
    static let rows = SettingTable.server.rows(in: .limits)
}

enum SharedStreamSection: SettingSection {
    static let rows = SettingTable.server.rows(in: .sharedStreams)
}

enum TimeSection: SettingSection {
    static let rows = SettingTable.server.rows(in: .times)
}
