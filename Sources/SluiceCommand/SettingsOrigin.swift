import Files
import Glibc
import PluginHost
import Processes
import Settings

/// The sources of a server's settings, which are read again at each reload.
struct SettingsOrigin: Sendable {
    /// The flags on the command line, by the setting's name.
    var flags: [String: String]
    /// The configuration file named on the command line.
    var configurationPath: String?
    /// Defaults of the verb that differ from the table's, by the setting's name.
    var defaults: [String: String] = [:]

    /// Reads all sources again.
    /// - Parameters:
    ///   - environment: `nil`: the process's own.
    ///   - folder: where relative paths begin; a plugin can change the working directory.
    func load(
        environment: [String: String]? = nil, in folder: StartFolder = .ofThisProcess
    ) throws(SettingError) -> Settings {
        var settings = try Settings(
            SettingSources(
                flags: flags, environment: environment ?? Self.environment(), configurationPath: configurationPath,
                folder: folder, defaults: defaults))
        guard !settings.plugins.isEmpty else {
            throw SettingError(
                "no directory given; name one as an argument, in SLUICE_PLUGINS, or as 'plugins:' in "
                    + ConfigurationFile.defaultPath)
        }
        settings.configurationPath = settings.configurationPath.map(folder.absolute)
        return settings
    }

    /// This process's variables that can be settings.
    static func environment() -> [String: String] {
        var found: [String: String] = [:]
        for variable in ProcessEnvironment.variables where variable.hasPrefix(EnvironmentVariables.prefix) {
            let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // The first of several counts, as for getenv(3).
            if parts.count == 2, found[String(parts[0])] == nil { found[String(parts[0])] = String(parts[1]) }
        }
        return found
    }
}

extension SettingSources {
    /// Reads the configuration file: the one named by a flag or in the environment, which must exist, or else the
    /// default one, if it exists.
    /// - Parameter folder: where relative paths begin.
    init(
        flags: [String: String], environment: [String: String], configurationPath: String?,
        defaultPath: String = ConfigurationFile.defaultPath, folder: StartFolder = .ofThisProcess,
        defaults: [String: String] = [:]
    ) throws(SettingError) {
        self.init(flags: flags, environment: environment, defaults: defaults)
        let named = configurationPath ?? environment[EnvironmentVariables.configuration]
        let exists = access(folder.absolute(defaultPath), F_OK) == 0
        guard let path = named ?? (exists ? defaultPath : nil) else { return }
        let location = folder.absolute(path)
        // The file can name programs to run and the directory of plugins. Whether it is trusted is not up to the file
        // itself.
        if try !self[SettingRows.server.insecurePlugins],
            let objection = WriteAccess.ofThisProcess.objection(to: location, writtenAs: path)
        {
            throw SettingError("\(path): \(objection)")
        }
        file = try ConfigurationFile(path: path, at: location)
    }
}
