import EventStream
import FrontDoor
import Glibc
import Logging
import PluginHost
import StreamLoop
import StreamRuntime

/// A server from its start to its end: what `sluice serve` runs.
struct ServingProcess {
    private let options: ServeOptions
    private(set) var settings: Settings
    private let writer: LogWriter
    private let logger: Logger
    private let events: ControlEvents
    private let runtime: Runtime
    private let loader: PluginLoader
    private let reloader: Reloader
    private let door: Server
    private let desk = ReloadDesk()
    private var control: ControlServer?
    private let development: Development?

    /// The longest that a client waits for a reload.
    private static let reloadSecondsMax = 600
    /// Whatever runs longer than this after the drain deadline is left behind. Nanoseconds.
    private static let lastGrace: Int64 = 1_000_000_000
    /// The same after a second signal: time to hang up, not to wait.
    private static let lastGraceIfUrged: Int64 = 50_000_000

    /// - Parameter development: compiles what is served, and changes while it is.
    init(_ options: ServeOptions, development: Development? = nil) throws {
        self.development = development
        self.options = options
        settings = try Settings.load(options)
        raiseDescriptorLimit()
        events = try ControlEvents()
        writer = try LogWriter(format: settings.logFormat)
        logger = writer.logger(level: settings.logLevel)
        let systems = (0..<settings.loopCount).map { _ in EpollSystem() }
        runtime = Runtime(systems: systems, limits: settings.limits, logger: logger)
        ConnectedRuntime.connect(runtime)
        loader = PluginLoader(
            settings: settings.loading(copies: development?.copies),
            logger: logger)
        let directory = PluginDirectory(
            loader: loader, path: settings.pluginDirectory, probeCountMax: usableCoreCount(),
            development: development)
        reloader = Reloader(
            runtime: runtime, source: directory, logger: logger, trial: settings.trialRules,
            attention: { [events] in events.post(.settled) })
        var frontDoor = settings.frontDoor
        if let development { frontDoor.frontPage = { development.page } }
        door = Server(frontDoor, opener: runtime, logger: logger)
    }

    /// - Returns: the exit status.
    mutating func run() async throws -> Int32 {
        let startedAt = monotonicNanoseconds()
        defer { writer.finish() }
        let socket = try controlSocket()
        defer { socket?.shut() }
        development?.build(begun: notices.begin, failed: notices.tell)
        let built = development?.takeFresh() ?? []
        let report: Reloader.Report
        do {
            report = try reloader.reload()
        } catch {
            throw CommandFailure("\(error)")
        }
        guard !reloader.entries.isEmpty || development != nil else {
            throw CommandFailure(
                report.refusals.isEmpty
                    ? "\(settings.pluginDirectory): there is no plugin (*.so) in it; put one there: the README shows how to build it"
                    : "\(settings.pluginDirectory): none of its plugins can be served; each refusal is above")
        }
        desk.note(report.refusals, at: Int64(time(nil)))
        guard runtime.start() else { throw CommandFailure("the system has no thread to give (ulimit -u?)") }
        // Before anybody can listen: a subscriber is told of what is built while it is there.
        tell(built, refusals: report.refusals)
        let address: BoundAddress
        do {
            address = try await door.start()
        } catch {
            throw CommandFailure(error.description)
        }
        logger.info(
            "listening",
            metadata: [
                "address": "\(address)", "routes": "\(reloader.entries.count)",
                "control": "\(socket?.path ?? ControlPath.none)",
            ])
        if let socket { startControl(socket, address: address.description, startedAt: startedAt) }
        if settings.watches { startWatch() }
        let greeting = Greeting(address: address.description, producers: reloader.entries.map(\.description))
        writeFully(Array(greeting.text.utf8), to: STDOUT_FILENO)
        try development?.start(begun: notices.begin, failed: notices.tell) { [events] in events.post(.reload) }
        serve()
        return await stop()
    }

    /// - Returns: `nil` if there shall be none, or the standard place can't be had.
    private func controlSocket() throws(CommandFailure) -> ControlSocket? {
        guard settings.control != ControlPath.none else { return nil }
        if !settings.control.isEmpty { return try ControlSocket(listeningOn: settings.control) }
        do throws(CommandFailure) {
            try ControlPath.prepare(ControlPath.directory())
        } catch {
            logger.warning(
                "no control socket: 'sluice reload' and 'sluice status' won't find this server; name another place with --control",
                metadata: ["error": "\(error)"])
            return nil
        }
        return try ControlSocket(listeningOn: ControlPath.standard(for: settings.pluginDirectory))
    }

    private mutating func startControl(_ socket: ControlSocket, address: String, startedAt: Int64) {
        let status = StatusReport(
            runtime: runtime, reloader: reloader, desk: desk, address: address, directory: settings.pluginDirectory,
            startedAt: startedAt, connectionCount: { [door] in door.connectionCount })
        let server = ControlServer(socket, logger: logger) { [desk, events] command in
            switch command {
            case .status: status.json
            case .reload:
                desk.ask(seconds: Self.reloadSecondsMax) { events.post(.reload) }?.json
                    ?? ControlProtocol.refusal("the reload did not end within \(Self.reloadSecondsMax) s")
            }
        }
        guard server.start() else { return logger.error("no control socket: the system has no thread to give") }
        control = server
    }

    private func startWatch() {
        let configuration = settings.configurationPath.map { [$0] } ?? []
        let watch = DirectoryWatch(directory: settings.pluginDirectory, others: configuration, logger: logger) {
            [events] in
            events.post(.reload)
        }
        if !watch.start() { logger.error("not watching: the system has no thread to give") }
    }

    /// Reloads as asked to, until the process is to end.
    private mutating func serve() {
        var drainEnd: Int64?
        while true {
            let arrived = events.next(until: drainEnd, now: monotonicNanoseconds)
            for event in arrived {
                switch event {
                case .terminate: return
                case .reload: reload()
                case .ledger: logLedger()
                case .drained, .settled: break
                }
            }
            drainEnd = reloader.endRetired(after: settings.drainDeadlineNanoseconds)
        }
    }

    private mutating func reload() {
        let ticket = desk.begin()
        desk.end(ticket, reloaded(), at: Int64(time(nil)))
    }

    private mutating func reloaded() -> ReloadOutcome {
        // First, so that all of it is there to be loaded.
        let built = development?.takeFresh() ?? []
        logger.info("reloading", metadata: ["directory": "\(settings.pluginDirectory)"])
        do {
            // The configuration first, all of it or nothing: what is loaded may need its new section.
            let change = SettingsChange(from: settings, to: try Settings.load(options))
            apply(change)
            let report = try reloader.reload()
            tell(built, refusals: report.refusals)
            logger.info(
                "reloaded",
                metadata: [
                    "loaded": "\(report.loaded.count)", "replaced": "\(report.replaced.count)",
                    "removed": "\(report.removed.count)", "unchanged": "\(report.unchanged)",
                    "refused": "\(report.refusals.count)",
                ])
            return ReloadOutcome(
                loaded: report.loaded, replaced: report.replaced, removed: report.removed, renamed: report.renamed,
                unchanged: report.unchanged, refusals: report.refusals, changedSettings: change.changed,
                fixedSettings: change.fixed)
        } catch {
            logger.error("nothing reloaded", metadata: ["error": "\(error)"])
            tell(built, refusals: built.map { "\($0.file): \(error)" })
            return ReloadOutcome(error: "\(error)")
        }
    }

    private var notices: BuildNotices { BuildNotices(runtime: runtime, reloader: reloader) }

    /// What was built has been loaded, or refused.
    private func tell(_ built: [Development.Report], refusals: [String]) {
        for report in built { notices.tell(report.loaded(refusals: refusals)) }
    }

    /// Gives new settings to all who follow them.
    private mutating func apply(_ change: SettingsChange) {
        settings = change.settings
        if !change.fixed.isEmpty {
            logger.warning(
                "settings not changed: they need a new start of the server",
                metadata: ["settings": "\(change.fixed.joined(separator: ", "))"])
        }
        guard !change.changed.isEmpty else { return }
        loader.configure(settings.loading(copies: development?.copies))
        runtime.replaceLimits(settings.limits)
        reloader.replaceTrialRules(settings.trialRules)
        door.replaceSettings(settings.frontDoor)
        writer.level = settings.logLevel
        logger.info("settings changed", metadata: ["settings": "\(change.changed.joined(separator: ", "))"])
    }

    /// Ends every stream, gives what was produced until the deadline to be sent, and every producer until then to close.
    private func stop() async -> Int32 {
        control?.stop()
        development?.stop()
        logger.info("stopping", metadata: ["streams": "\(runtime.openStreams)"])
        await door.stopAccepting()
        runtime.end(nil, .shutdown)
        let deadline = monotonicNanoseconds() + settings.drainDeadlineNanoseconds
        _ = startThread(named: "sluice-drain", stackBytes: 512 * 1024) { [runtime, events] in
            _ = runtime.waitUntilIdle(deadline: deadline)
            events.post(.drained)
        }
        var isOver = false
        var grace = Self.lastGrace
        while !isOver {
            for event in events.next(until: deadline, now: monotonicNanoseconds) {
                switch event {
                case .terminate:
                    logger.warning("told to stop a second time: not waiting any longer")
                    grace = Self.lastGraceIfUrged
                    isOver = true
                case .drained: isOver = true
                case .reload:
                    logger.warning("not reloading: the server stops")
                    desk.end(desk.begin(), ReloadOutcome(error: "the server stops"), at: Int64(time(nil)))
                case .ledger: logLedger()
                case .settled: break
                }
            }
            if monotonicNanoseconds() >= deadline { isOver = true }
        }
        runtime.dropConnections()
        let last = monotonicNanoseconds() + grace
        _ = runtime.waitUntilIdle(deadline: last)
        logLedger()
        let unfinished = reloader.retireAll(deadline: last)
        await door.stop(within: .milliseconds(200))
        let left = runtime.openStreams
        if left > 0 || !unfinished.isEmpty {
            logger.error(
                "stopped, leaving behind what does not end",
                metadata: ["streams": "\(left)", "plugins": "\(unfinished.joined(separator: ", "))"])
            return 1
        }
        logger.info("stopped")
        return 0
    }

    /// One line for each producer and generation, and one for the generations of a producer that are over: when nothing is open,
    /// opens equal closes. `leaves` are the subscribers of its shared streams.
    private func logLedger() {
        for entry in reloader.allEntries {
            let ledger = entry.ledger
            let calls = CallbackFigures.calls(of: entry.producer)
            logger.info(
                "ledger",
                metadata: [
                    "plugin": "\(entry.description.plugin)", "producer": "\(entry.description.name)",
                    "generation": "\(entry.generation.number)", "opens": "\(ledger.opens)",
                    "closes": "\(ledger.closes)", "open": "\(ledger.open)", "reasons": "\(text(of: ledger.reasons))",
                    "leaves": "\(text(of: entry.leavesByReason))",
                    "late_calls": "\(calls.late)", "dropped": "\(calls.dropped)",
                    "superseded": "\(entry.supersededEvents)",
                ])
        }
        for past in reloader.pastLedgers {
            logger.info(
                "ledger of earlier generations",
                metadata: [
                    "plugin": "\(past.plugin)", "producer": "\(past.producer)", "generations": "\(past.generations)",
                    "opens": "\(past.opens)", "closes": "\(past.closes)", "reasons": "\(text(of: past.reasons))",
                    "leaves": "\(text(of: past.leaves))",
                ])
        }
        let functions = CallbackFigures.functions
        logger.info(
            "totals",
            metadata: [
                "functions": "\(functions.live)", "tombstones": "\(functions.tombstones)",
                "function_bytes": "\(functions.bytes)",
                "open_streams": "\(runtime.openStreams)", "threads": "\(runtime.usedThreads)",
                "stuck": "\(runtime.stuckStreams)",
                "refused": "\(runtime.refusedRequests)", "evicted": "\(runtime.evictedHubs)",
                "connections": "\(door.connectionCount)",
            ])
    }

    private func text(of counts: [CloseReason: Int]) -> String {
        counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.name)=\($0.value)" }
            .joined(separator: " ")
    }
}

/// Streams need descriptors: as many as the process may have; setrlimit(2).
private func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else {
        return
    }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
