import ArgumentParser
import Authoring
import CDeath
import CLinux
import CommandOutput
import EventStream
import Files
import Glibc
import Logging
import PluginHost
import Processes
import ProducerInterface
import Settings

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Open one stream without a server, and print its events.",
        discussion: """
            Opens a stream of a producer as a server would, and prints its frames as they would go over the wire. A .c \
            or .swift file, or a directory of them, is compiled first. The log goes to standard error. Ctrl-C ends the \
            stream cleanly.

            The exit status is 0 if the stream completed or was ended as requested, and 1 if it was rejected or failed.

            Examples:
              sluice run hello.so interval=0.5
              sluice run plugins/prices.so ticker symbol=ACME --max-events 3
              sluice run tokens.swift --body prompt.json --header authorization='Bearer x'
              sluice run counter.so from=1 to=9 --last-event-id 5
            """)

    @Argument(help: ArgumentHelp("The plugin, or its source: a file or a directory.", valueName: "file.so"))
    var file: String

    @Argument(
        help: ArgumentHelp(
            "The producer's name, if the plugin has several, followed by values of its parameters as name=value.",
            valueName: "producer|name=value"))
    var words: [String] = []

    @Option(
        help: ArgumentHelp("The ID of the last event received; the stream resumes after it.", valueName: "id"))
    var lastEventID: String?

    @Option(help: ArgumentHelp("A request header, as name=value; may be repeated.", valueName: "name=value"))
    var header: [String] = []

    @Option(
        help: ArgumentHelp(
            "A claim of the client's token, as name=value, such as sub=ann; may be repeated.", valueName: "name=value"))
    var claim: [String] = []

    @Option(
        help: ArgumentHelp("Send this file as the body of a POST request; - means standard input.", valueName: "file"))
    var body: String?

    @Option(help: ArgumentHelp("Disconnect after this many events.", valueName: "count"))
    var maxEvents: Int?

    @Option(
        help: ArgumentHelp(
            "The configuration file with the producer's section (default: \(ConfigurationFile.defaultPath), if there is one).",
            valueName: "file"))
    var config: String?

    @Flag(help: "Load the plugin even if users other than its owner can change it.")
    var insecurePlugins = false

    @OptionGroup(title: "Log")
    var log: SettingOptions<LogSection>

    func validate() throws {
        if let maxEvents, maxEvents < 1 {
            throw ValidationError("--max-events: expected 1 or more, not '\(maxEvents)'")
        }
    }

    func run() throws {
        let name = words.first.flatMap { $0.contains("=") ? nil : $0 }
        let arguments = try StreamArguments(Array(words.dropFirst(name == nil ? 0 : 1)), headers: header, claims: claim)
        var flags = log.given
        flags[SettingRows.server.insecurePlugins.name] = "\(insecurePlugins)"
        let sources = try SettingSources(flags: flags, environment: [:], configurationPath: config)
        let format = try sources[SettingRows.server.logFormat]
        let writer = try LogWriter(format: format)
        defer { writer.finish() }
        let logger = writer.logger(level: Logger.Level(try sources[SettingRows.server.logLevel]))
        let content = try body.map { path throws(CommandFailure) in try contents(of: path) }

        try DescriptorRoom.check(loops: 1, doorThreads: 0)
        let scratch = try ScratchFolder()
        sluice_death_watch(STDERR_FILENO, format == .json)
        ExitWatch.begin { [writer, path = scratch.path] caller in
            logger.critical("the plugin, or a library of it, has called exit(3)", metadata: caller)
            writer.finish()
            removeTree(path)
        }
        var settings = PluginLoader.Settings(
            isInsecure: insecurePlugins, configuration: sources.file?.producers ?? [:])
        settings.copies = scratch.path
        let plugin = try load(settings, logger, scratch: scratch.path)
        let producer = try StreamArguments.producer(name, of: plugin)
        let request: StreamRequest
        do {
            request = try arguments.request(to: producer, lastEventID: lastEventID, body: content)
        } catch let fault as ParameterFault {
            throw CommandFailure(
                fault.value.map { "rejected with 400: \(fault.parameter): expected \(fault.expected), not '\($0)'" }
                    ?? "rejected with 400: \(fault.parameter) is missing: expected \(fault.expected)")
        }
        if EventID.isFinished(lastEventID) {
            throw CommandFailure(
                "--last-event-id \(EventID.finished) says that the stream is complete: a server answers 204")
        }
        let status = try StreamRun(
            plugin: plugin, producer: producer, request: request, eventCountMax: maxEvents, logger: logger
        ).run()
        writer.finish()
        removeTree(scratch.path)
        ProcessEnd.leave(status)
    }

    /// Loads the plugin. If it is a source, it is built first.
    private func load(
        _ settings: PluginLoader.Settings, _ logger: Logger, scratch: String
    ) throws -> LoadedPlugin {
        var path = file
        if isFolder(file) || PluginSources.isSource(PluginSources.fileName(file)) {
            let sources = try PluginSources([file])
            path = "\(scratch)/\(sources.name).so"
            let builder = PluginBuilder(
                files: try .ofThisExecutable(), choices: BuildChoices(acceptsInsecureFiles: insecurePlugins),
                output: .passed)
            guard case .built = try Termination.noting(during: { try builder.build(sources, to: path) })
            else {
                throw CommandFailure("\(file): not built; the compiler's errors are above")
            }
        }
        do throws(PluginRefusal) {
            return try PluginLoader(settings: settings, logger: logger).load(path)
        } catch {
            // The author knows the source, not the compiled file.
            throw CommandFailure("\(error)".replacing(path, with: file))
        }
    }
}
