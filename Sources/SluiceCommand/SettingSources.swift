import Glibc
import PluginHost
import StreamRuntime

/// Where a setting's value may come from, and which of them wins.
struct SettingSources: Sendable {
    /// By key, as given on the command line.
    let flags: [String: String]
    let environment: [String: String]
    private(set) var file: ConfigurationFile?

    init(flags: [String: String], environment: [String: String], file: ConfigurationFile?) {
        self.flags = flags
        self.environment = environment
        self.file = file
    }

    /// Reads the configuration file: the one that is named by flag or environment, which must exist, or else the default one if it does.
    /// - Parameter folder: where relative paths begin.
    init(
        flags: [String: String], environment: [String: String], configurationPath: String?,
        defaultPath: String = ConfigurationFile.defaultPath, folder: StartFolder = .ofThisProcess
    ) throws(SettingError) {
        let named = Self.configurationPath(configurationPath, environment)
        let path = named ?? (access(folder.absolute(defaultPath), F_OK) == 0 ? defaultPath : nil)
        self.init(flags: flags, environment: environment, file: nil)
        guard let path else { return }
        // The file itself has no say in whether it may be trusted.
        let isInsecure = try required(SettingTable.insecurePlugins)
        file = try ConfigurationFile(path: path, at: folder.absolute(path), insecure: isInsecure)
    }

    /// The configuration file that is named; `nil`: the default one is read if there is one.
    static func configurationPath(_ flag: String?, _ environment: [String: String]) -> String? {
        flag ?? environment[SettingTable.variable(of: "config")]
    }

    /// The value of a setting; `nil` if nobody gave one and it has no default.
    func value<Value>(_ setting: Setting<Value>) throws(SettingError) -> Value? {
        guard let (text, place) = given(setting) else { return setting.initialValue }
        guard let value = setting.form.parse(text) else {
            throw SettingError("\(place): expected \(setting.form.expectation), not '\(Self.printable(text))'")
        }
        return value
    }

    func required<Value>(_ setting: Setting<Value>) throws(SettingError) -> Value {
        guard let value = try value(setting) else { preconditionFailure("the default of \(setting.key) is not valid") }
        return value
    }

    /// How shared streams behave.
    func hub() throws(SettingError) -> HubSettings {
        var hub = HubSettings()
        hub.historyEvents = try required(SettingTable.historyEvents)
        hub.historyBytes = try required(SettingTable.historyBytes)
        hub.linger = try required(SettingTable.linger)
        hub.slowPolicy = try required(SettingTable.slowPolicy)
        hub.isAnchored = try required(SettingTable.anchor)
        return hub
    }

    /// The file's section `hubs`, by producer: what it does not say is as for all.
    func hubs(otherwise common: HubSettings) throws(SettingError) -> [String: HubSettings] {
        var hubs: [String: HubSettings] = [:]
        for (producer, section) in file?.hubs ?? [:] {
            var hub = common
            if let value = try value(SettingTable.historyEvents, in: section) { hub.historyEvents = value }
            if let value = try value(SettingTable.historyBytes, in: section) { hub.historyBytes = value }
            if let value = try value(SettingTable.linger, in: section) { hub.linger = value }
            if let value = try value(SettingTable.slowPolicy, in: section) { hub.slowPolicy = value }
            if let value = try value(SettingTable.anchor, in: section) { hub.isAnchored = value }
            hubs[producer] = hub
        }
        return hubs
    }

    private func value<Value>(
        _ setting: Setting<Value>, in section: [String: ConfigurationFile.Entry]
    ) throws(SettingError) -> Value? {
        guard let file, let entry = section[setting.key] else { return nil }
        guard let value = setting.form.parse(entry.text) else {
            throw SettingError(
                "\(file.path):\(entry.line): \(setting.key): expected \(setting.form.expectation), not "
                    + "'\(Self.printable(entry.text))'")
        }
        return value
    }

    private func given<Value>(_ setting: Setting<Value>) -> (text: String, place: String)? {
        if let text = flags[setting.key] { return (text, "--\(setting.key)") }
        if let text = environment[setting.variable] { return (text, setting.variable) }
        if let file, let entry = file.settings[setting.key] {
            return (entry.text, "\(file.path):\(entry.line): \(setting.key)")
        }
        return nil
    }

    /// Short, and one line.
    private static func printable(_ text: String) -> String {
        let clean = text.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7f ? "?" : String($0) }
            .joined()
        return text.unicodeScalars.count > 80 ? clean + "…" : clean
    }
}
