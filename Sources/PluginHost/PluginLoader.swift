package import EventStream
package import Files
import Glibc
package import Logging
import ProducerInterface
import Synchronization
package import SystemCalls

/// Loads plugins: from a path to producers that can be served, or to one line that says why not.
package final class PluginLoader: Sendable {
    package struct Settings: Sendable {
        /// Also accepts files and directories that others can write to.
        package var isInsecure: Bool
        package var encoder: EventEncoder
        /// What plugins read with `host->config`: keys and values, by `producer` or `plugin/producer`.
        package var configuration: [String: [String: String]]
        /// `nil`: plugins are loaded without being tried in a process of their own.
        package var prober: Prober?
        /// Where the copies that are loaded stay, so that the source lines of a crash can be found; `nil`: each is
        /// removed once it is loaded.
        package var copies: String?

        package init(
            isInsecure: Bool = false, encoder: EventEncoder = EventEncoder(),
            configuration: [String: [String: String]] = [:], prober: Prober? = nil
        ) {
            self.isInsecure = isInsecure
            self.encoder = encoder
            self.configuration = configuration
            self.prober = prober
        }
    }

    private let settings: Mutex<Settings>
    private let configuration: OperatorConfiguration
    private let logger: Logger

    /// - Parameter logger: gets the lines of plugins; also those of another loader's plugins that name no stream.
    package init(settings: Settings = Settings(), logger: Logger) {
        self.settings = Mutex(settings)
        self.logger = logger
        configuration = OperatorConfiguration(settings.configuration)
        HostLog.use(logger)
    }

    /// From now on, plugins are loaded with these settings, and all plugins, including loaded ones, read this
    /// configuration.
    package func configure(_ settings: Settings) {
        self.settings.withLock { $0 = settings }
        configuration.replace(with: settings.configuration)
    }

    /// The plugin files of a directory: all `*.so` except hidden ones, sorted by name.
    /// - Throws: if the directory cannot be read, or users other than the operator can write to it.
    package func scan(_ directory: String) throws(PluginRefusal) -> [String] {
        let place = StartFolder.ofThisProcess.absolute(directory)
        guard let listing = opendir(place) else {
            let code = errno
            throw PluginRefusal(
                file: directory, rule: "the plugin directory can't be read (\(systemError(code)))",
                remedy: code == ENOTDIR ? "name a directory" : "create it, or name another one")
        }
        defer { closedir(listing) }
        if !settings.withLock(\.isInsecure),
            let objection = WriteAccess.ofThisProcess.objection(to: place, writtenAs: directory)
        {
            throw PluginRefusal(
                file: directory, rule: objection.rule, remedy: objection.remedy, cause: .moment)
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

    /// Reads a file, all of it at one moment.
    /// - Throws: if it cannot be loaded from there.
    package func read(_ path: String) throws(PluginRefusal) -> PluginFile {
        try PluginFile(reading: path, insecure: settings.withLock(\.isInsecure))
    }

    /// Checks a file without loading it: its headers, and what a child process reports that loads it. Any thread;
    /// several at a time.
    /// - Parameter begun: gets the processor clock of the child, once there is one.
    package func probe(
        _ file: PluginFile, begun: (ProcessorClock?) -> Void = { _ in }
    ) throws(PluginRefusal) -> ProbedPlugin {
        let (prober, copies) = settings.withLock { ($0.prober, $0.copies) }
        var step = RefusalStep.image
        do throws(Defect) {
            try file.checkImage()
            step = .probe
            let copy = try PrivateCopy(of: file, keptIn: copies)
            let start = monotonicNanoseconds()
            let declaration = try prober?.probe(copy.path, content: file.contentID, begun: begun)
            logger.debug(
                "plugin probed",
                metadata: ["file": "\(file.path)", "us": .stringConvertible((monotonicNanoseconds() - start) / 1000)])
            return ProbedPlugin(path: file.path, contentID: file.contentID, copy: copy, declaration: declaration)
        } catch {
            throw error.refusal(of: file.path, at: error.isDeclared ? .declaration : step)
        }
    }

    /// Whose code runs while a plugin is loaded.
    package enum LoadStage: Sendable {
        /// The constructors'; the dynamic loader waits for them, and other threads wait for the dynamic loader.
        case constructors
        case entry
    }

    /// Loads a plugin, each time as a new generation. Runs the plugin's constructors and its entry, which may never
    /// return.
    /// - Parameter reached: is called at the beginning of each stage.
    package func load(
        _ plugin: ProbedPlugin, reached: (LoadStage) -> Void = { _ in }
    ) throws(PluginRefusal) -> LoadedPlugin {
        do throws(Defect) {
            var entryLogger = logger
            entryLogger[metadataKey: "file"] = "\(plugin.path)"
            plugin.copy.willBeMapped()
            // Changes until now are not this plugin's doing.
            ProcessState.check()
            defer { ProcessState.checkLoad(of: plugin.path) }
            reached(.constructors)
            let image = try Image(mapping: plugin.copy.path, madeFrom: plugin.path)
            reached(.entry)
            let manifest = try Manifest(reading: image.declared(logger: entryLogger))
            guard plugin.declaration == nil || plugin.declaration == manifest.declaration else {
                throw Defect(
                    "it declares something different here than in its probe",
                    remedy: "make the entry declare the same on every call")
            }
            let encoder = settings.withLock(\.encoder)
            var producers: [PluginProducer] = []
            for producer in manifest.producers {
                producers.append(
                    try PluginProducer(producer, encoder: encoder, configuration: configuration, logger: logger))
            }
            let code = PluginCode(ofImageAt: plugin.copy.path, named: manifest.name, file: plugin.path)
            return LoadedPlugin(manifest, code, probed: plugin, producers: producers, logger: logger)
        } catch {
            throw error.refusal(of: plugin.path, at: .load)
        }
    }

    /// What the loading of a file may depend on besides its content, so that a change can be noticed: when the file was
    /// written, the libraries that it needs, and what the operator allows and configures.
    package func surroundings(of file: PluginFile) -> String {
        let (prober, configuration) = settings.withLock { ($0.prober?.settings, $0.configuration) }
        let sections = configuration.sorted { $0.key < $1.key }.map { name, section in
            "\(name): \(section.sorted { $0.key < $1.key })"
        }
        let libraries = file.bytes.withUnsafeBytes { NeededLibraries(of: $0).stamp }
        let limits = prober.map { "\($0.deadlineNanoseconds) \($0.memoryBytes)" } ?? ""
        return "\(file.stamp) \(limits) \(sections) \(libraries)"
    }

    /// How long a plugin may take to be loaded.
    package var loadDeadline: Nanoseconds {
        settings.withLock(\.prober)?.settings.deadlineNanoseconds ?? Prober.Settings().deadlineNanoseconds
    }

    /// All three steps: reads, probes and loads.
    package func load(_ path: String) throws(PluginRefusal) -> LoadedPlugin {
        try load(probe(read(path)))
    }
}

/// A file that may be loaded: its private copy, and what it declared in its probe.
package struct ProbedPlugin: Sendable {
    package let path: String
    package let contentID: ContentID
    let copy: PrivateCopy
    /// `nil`: there was no probe.
    let declaration: String?
}
