import Files
import Glibc
import PluginHost
import Processes
import Settings

/// Where the settings of a server come from, to be read again at each reload.
struct SettingsOrigin: Sendable {
    /// By the setting's name, as given on the command line.
    var flags: [String: String]
    /// The configuration file that the command line names.
    var configurationPath: String?

    /// Reads everything anew; may be called as often as one likes.
    /// - Parameters:
    ///   - environment: the process's own if `nil`.
    ///   - folder: where relative paths begin: a plugin may change the working directory.
    func load(
        environment: [String: String]? = nil, in folder: StartFolder = .ofThisProcess
    ) throws(SettingError) -> Settings {
        var settings = try Settings(
            SettingSources(
                flags: flags, environment: environment ?? Self.environment(), configurationPath: configurationPath,
                folder: folder))
        guard !settings.plugins.isEmpty else {
            throw SettingError(
                "no plugins: name their directory, as 'sluice serve DIR', or in SLUICE_PLUGINS, or as 'plugins:' in "
                    + ConfigurationFile.defaultPath)
        }
        settings.configurationPath = settings.configurationPath.map(folder.absolute)
        return settings
    }

    /// The variables of this process that may be settings.
    static func environment() -> [String: String] {
        var found: [String: String] = [:]
        for variable in ProcessEnvironment.variables where variable.hasPrefix(EnvironmentVariables.prefix) {
            let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // Of two the first counts, as for getenv(3).
            if parts.count == 2, found[String(parts[0])] == nil { found[String(parts[0])] = String(parts[1]) }
        }
        return found
    }
}

extension SettingSources {
    /// Reads the configuration file: the one that is named by flag or environment, which must exist, or else the
    /// default one if it does.
    /// - Parameter folder: where relative paths begin.
    init(
        flags: [String: String], environment: [String: String], configurationPath: String?,
        defaultPath: String = ConfigurationFile.defaultPath, folder: StartFolder = .ofThisProcess
    ) throws(SettingError) {
        self.init(flags: flags, environment: environment)
        let named = configurationPath ?? environment[EnvironmentVariables.configuration]
        let exists = access(folder.absolute(defaultPath), F_OK) == 0
        guard let path = named ?? (exists ? defaultPath : nil) else { return }
        let location = folder.absolute(path)
        // It may name programs that are run, and where code comes from. The file itself has no say in whether it may
        // be trusted.
        if try !self[SettingRows.server.insecurePlugins],
            let objection = WriteAccess.ofThisProcess.objection(to: location, writtenAs: path)
        {
            throw SettingError("\(path): \(objection)")
        }
        file = try ConfigurationFile(path: path, at: location)
    }
}
