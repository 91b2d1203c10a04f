import CSluice
package import EventStream
import Glibc
package import Logging

/// Loads plugins: from a path to producers that can be served, or to one line that says why not.
package final class PluginLoader: Sendable {
    package struct Settings: Sendable {
        /// Also takes files and directories that others may write to.
        package var isInsecure: Bool
        package var encoder: EventEncoder
        /// What plugins read with `host->config`: keys and values, by `producer` or `plugin/producer`.
        package var configuration: [String: [String: String]]

        package init(
            isInsecure: Bool = false, encoder: EventEncoder = EventEncoder(),
            configuration: [String: [String: String]] = [:]
        ) {
            self.isInsecure = isInsecure
            self.encoder = encoder
            self.configuration = configuration
        }
    }

    private let settings: Settings
    private let configuration: OperatorConfiguration
    private let logger: Logger

    /// - Parameter logger: where the lines of plugins go; also those of a plugin of another loader that name no stream.
    package init(settings: Settings = Settings(), logger: Logger) {
        self.settings = settings
        self.logger = logger
        configuration = OperatorConfiguration(settings.configuration)
        HostLog.use(logger)
    }

    /// From now on plugins, loaded ones too, read this configuration.
    package func configure(_ sections: [String: [String: String]]) {
        configuration.replace(with: sections)
    }

    /// The plugin files of a directory: all `*.so` but hidden ones, sorted by name.
    /// - Throws: if the directory can't be read, or is not one that only the operator can write to.
    package func scan(_ directory: String) throws(PluginRefusal) -> [String] {
        guard let listing = opendir(directory) else {
            throw PluginRefusal(
                file: directory, rule: "the plugin directory can't be read (\(systemError()))",
                remedy: "create it, or name another one")
        }
        defer { closedir(listing) }
        if !settings.isInsecure, let defect = PluginFile.defect(ofDirectory: directory, called: "the plugin directory")
        {
            throw defect.refusal(of: directory)
        }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".so") && !name.hasPrefix(".") { names.append(name) }
        }
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        return names.sorted().map { prefix + $0 }
    }

    /// What a file holds, to tell whether it changed since it was loaded.
    /// - Throws: if it could not be loaded from there either.
    package func contentID(of path: String) throws(PluginRefusal) -> ContentID {
        try PluginFile(reading: path, insecure: settings.isInsecure).contentID
    }

    /// Loads a plugin, each time as a new generation. Runs the plugin's constructors and its entry.
    package func load(_ path: String) throws(PluginRefusal) -> LoadedPlugin {
        let file = try PluginFile(reading: path, insecure: settings.isInsecure)
        do throws(Defect) {
            // Typed throws do not pass through the closure that lends the bytes.
            let defect = file.bytes.withUnsafeBytes { bytes -> Defect? in
                do throws(Defect) {
                    try ELFImage.check(bytes)
                    return nil
                } catch {
                    return error
                }
            }
            if let defect { throw defect }
        } catch {
            throw error.refusal(of: path)
        }
        let image = try Image(loading: file)
        do throws(Defect) {
            return try plugin(of: image, file)
        } catch {
            throw error.refusal(of: path)
        }
    }

    private func plugin(of image: Image, _ file: PluginFile) throws(Defect) -> LoadedPlugin {
        var entryLogger = logger
        entryLogger[metadataKey: "file"] = "\(file.path)"
        let (declared, lines) = LoadThread.run(logger: entryLogger) { image.entry(HostTable.pointer) }
        guard let declared else {
            let reason = lines.isEmpty ? "and gives no reason" : "and says: " + lines.joined(separator: " / ")
            throw Defect("it refuses to be loaded \(reason)", remedy: "see its documentation for what it needs")
        }
        let manifest = try Manifest(reading: declared)
        var producers: [PluginProducer] = []
        for producer in manifest.producers {
            producers.append(
                try PluginProducer(
                    producer, encoder: settings.encoder, configuration: configuration, logger: logger))
        }
        return LoadedPlugin(manifest, file: file, producers: producers, logger: logger)
    }
}
