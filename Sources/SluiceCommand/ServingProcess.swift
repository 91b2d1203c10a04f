import Authoring
import CDeath
import CommandOutput
import Control
import EventStream
import Files
import FrontDoor
import Glibc
import Logging
import PluginDirectory
import PluginHost
import Processes
import ProducerInterface
import Settings
import StreamLoop
import StreamRuntime
import SystemCalls

/// A server from start to end, for `sluice serve` and `sluice dev`.
struct ServingProcess {
    private let origin: SettingsOrigin
    private(set) var settings: Settings
    private var tokens: ServedTokenRules
    private var settingWarnings = SettingWarnings()
    let writer: LogWriter
    let logger: Logger
    let events: ControlEvents
    let runtime: Runtime
    private let loader: PluginLoader
    let reloader: Reloader
    let door: Server
    let desk = ReloadDesk()
    let figures: FiguresGatherer
    let ledger: LedgerLog
    let notice = ServiceNotice()
    let readiness: ServerReadiness
    let adminPages: AdminPages
    let admin: AdminDoor?
    private let passed = PassedSockets.take()
    let libraries = LibraryReport()
    var control: ControlServer?
    let development: Development?
    var round: HousekeepingRound
    /// When the reloader needs attention next.
    private var attention: MonotonicNanoseconds?

    /// How often the reloader gets attention during a reload.
    private static let attendingInterval: Nanoseconds = 1_000_000_000

    /// - Parameter development: compiles the plugins to serve, now and when they change.
    init(_ origin: SettingsOrigin, development: Development? = nil) async throws {
        self.development = development
        self.origin = origin
        settings = try origin.load()
        tokens = try await ServedTokenRules(settings)
        InheritedLimits.raise()
        try DescriptorRoom.check(
            loops: settings.loopCount,
            doorThreads: settings.frontDoor().threads + (settings.adminDoor?.threads ?? 0))
        events = try ControlEvents()
        let errors = LogWriter.ownErrorOutput()
        writer = try LogWriter(descriptor: errors, format: settings.logFormat)
        logger = writer.logger(level: Logger.Level(settings.logLevel))
        sluice_death_watch(errors, settings.logFormat == .json)
        ProcessState.keep(logger)
        SettingWarnings.tell(ofVariables: SettingsOrigin.environment(), besides: settings.keyVariables, logger)
        ExitWatch.begin { [writer, logger] caller in
            logger.critical(
                "a plugin, or a library of one, has called exit(3): the process ends, and all streams with it",
                metadata: caller)
            writer.finish()
        }
        let systems = (0..<settings.loopCount).map { _ in EpollSystem() }
        runtime = Runtime(systems: systems, limits: settings.limits, logger: logger)
        runtime.observeHangingCalls { [notice] in notice.hanging($0) }
        ConnectedRuntime.connect(runtime)
        loader = PluginLoader(
            settings: settings.loading(copies: development?.copies),
            logger: logger)
        let directory = DirectoryImages(
            loader: loader, path: settings.plugins, coreCount: usableCoreCount(),
            others: development.map { .init(directory: $0.built, withoutReplaced: $0.withoutSources) })
        reloader = Reloader(
            runtime: runtime, source: directory, logger: logger, trial: settings.trialRules,
            attention: { [events] in events.post(.settled) })
        readiness = ServerReadiness(
            isStopping: { ControlEvents.isTerminating }, silence: { [runtime] in runtime.loopSilence() })
        round = HousekeepingRound(runtime, reloader, desk, notice, readiness)
        door = Server(
            settings.frontDoor(passed, tokens), pages: try PageTable(for: development, settings, readiness),
            opener: runtime,
            logger: logger)
        figures = FiguresGatherer(runtime: runtime, reloader: reloader, door: door, libraries: libraries)
        ledger = LedgerLog(figures: figures, logger: logger)
        adminPages = AdminPages(
            readiness,
            MetricsReport(
                version: Sluice.version, interface: hostInterface, desk: desk, figures: figures.whole))
        admin = settings.adminDoor.map { [adminPages, logger] in AdminDoor($0, pages: adminPages, logger: logger) }
    }

    /// Serves until a signal ends it. Signals are noticed at any time: long operations then end early, and no plugin
    /// code runs on this thread.
    /// - Returns: the exit status.
    mutating func run() async throws -> Int32 {
        let startedAt = monotonicNanoseconds()
        defer { writer.finish() }
        let socket = try controlSocket()
        defer {
            socket?.shut()
            admin?.removeFiles()
        }
        guard endAtOnceIfUrged(socket) else { throw CommandFailure("no thread can be started (ulimit -u?)") }
        // Before plugins are loaded, which can take a while.
        try await admin?.start()
        let leftBehind = ScratchFolder.removeLeftBehind()
        if leftBehind > 0 {
            logger.info(
                "removed what killed processes had left behind", metadata: ["folders": .stringConvertible(leftBehind)])
        }
        development?.build(begun: notices.begin, failed: notices.tell)
        // Before anything is loaded, so that later changes are noticed.
        let watch = settings.watch ? directoryWatch : nil
        let built = development?.takeFresh() ?? []
        let report: Reloader.Report
        do {
            report = try reloader.reload { attend() }
        } catch is Reloader.Abandoned {
            return await stop()
        } catch {
            throw CommandFailure("\(error)")
        }
        if ControlEvents.isTerminating { return await stop() }
        guard !reloader.entries.isEmpty || development != nil else {
            throw CommandFailure(
                report.refusals.isEmpty
                    ? "\(settings.plugins): it contains no plugin (*.so); build one with 'sluice build FILE -o \(settings.plugins)'"
                    : "\(settings.plugins): none of its plugins can be served; each refusal is above")
        }
        desk.note(report.refusals, at: Int64(time(nil)))
        readiness.loaded(without: report.unserved, isStart: true)
        libraries.look(at: reloader, logger)
        warnOfSettings()
        guard runtime.start() else { throw CommandFailure("no thread can be started (ulimit -u?)") }
        // Before it listens: subscribers only get the builds that happen while they are connected.
        tell(built, refusals: report.refusals)
        let addresses: [ServerAddress]
        do {
            addresses = try await door.start()
        } catch {
            throw CommandFailure(error.description)
        }
        let addressText = addresses.map(\.description).joined(separator: ", ")
        logger.info(
            "listening",
            metadata: [
                "address": "\(addressText)", "routes": .stringConvertible(reloader.entries.count),
                "control": "\(socket?.path ?? ControlPath.none)",
            ])
        Container.warn(ofAddresses: addresses, logger)
        passed.warnIfUnused(by: settings.listen, logger)
        readiness.serves()
        startControl(socket, addresses, startedAt: startedAt)
        if let watch, !watch.start() { logger.error("not watching: no thread can be started") }
        let greeting = Greeting(
            addresses: addresses, admin: admin?.url, producers: reloader.entries.map(\.description),
            basePath: settings.basePath)
        writeFully(greeting.text, to: STDOUT_FILENO)
        notice.ready()
        round.begin()
        try development?.start(begun: notices.begin, failed: notices.tell) { [events] in events.post(.reload) }
        await serve()
        return await stop()
    }

    private var directoryWatch: DirectoryWatch {
        let directory = StartFolder.ofThisProcess.absolute(settings.plugins)
        return DirectoryWatch(directory: directory, others: settings.watchedFiles, logger: logger) { [events] in
            events.post(.reload)
        }
    }

    /// Handles events until the process is to end.
    private mutating func serve() async {
        while true {
            for event in events.next(until: min(attention ?? .max, round.due), now: monotonicNanoseconds) {
                switch event {
                case .terminate: return
                case .reload: await reload()
                case .ledger: ledger.write()
                case .drained, .settled: break
                }
            }
            round.makeIfDue()
            attention = reloader.endRetired(after: settings.drainDeadline.nanoseconds)
        }
    }

    /// Tasks that do not wait until a reload has finished.
    private mutating func attend() {
        let arrived = events.take([.ledger, .settled])
        if arrived.contains(.ledger) { ledger.write() }
        round.makeIfDue()
        let now = monotonicNanoseconds()
        guard arrived.contains(.settled) || now >= attention ?? 0 else { return }
        // What is loaded meanwhile may need attention earlier.
        let next = reloader.endRetired(after: settings.drainDeadline.nanoseconds)
        attention = min(next ?? .max, now + Self.attendingInterval)
    }

    private mutating func reload() async {
        let (ticket, isForced) = desk.begin()
        notice.reloading()
        desk.end(ticket, await reloaded(isForced: isForced), at: Int64(time(nil)))
        notice.ready()
    }

    private mutating func reloaded(isForced: Bool) async -> Result<ReloadOutcome, CommandFailure> {
        ProcessState.check()
        // First, so that everything in it is loaded by this reload.
        let built = development?.takeFresh() ?? []
        logger.info("reloading", metadata: ["directory": "\(settings.plugins)"])
        var isApplied = false
        do {
            // The configuration first, all or nothing: plugins may need a new section in it.
            let change = SettingsChange(from: settings, to: try origin.load())
            try change.settings.check()
            apply(change, try await ServedTokenRules(change.settings, after: tokens))
            isApplied = true
            let report = try reloader.reload(isForced: isForced) { attend() }
            readiness.loaded(without: report.unserved, isStart: false)
            libraries.look(at: reloader, logger)
            warnOfSettings()
            tell(built, refusals: report.refusals)
            logger.info("reloaded", metadata: report.counts)
            return .success(ReloadOutcome(report, change))
        } catch {
            // What the configuration says is in force by then.
            logger.error(isApplied ? "no plugin reloaded" : "nothing reloaded", metadata: ["error": "\(error)"])
            tell(built, refusals: built.map { "\($0.file): \(error)" })
            return .failure(CommandFailure(isApplied ? "\(error) (the configuration was reloaded)" : "\(error)"))
        }
    }

    private var notices: BuildNotices { BuildNotices(of: reloader, to: runtime) }

    /// Reports that the built plugins were loaded or refused.
    private func tell(_ built: [Development.Report], refusals: [String]) {
        for report in built { notices.tell(report.loaded(refusals: refusals)) }
    }

    /// - Returns: what is configured, but not served.
    @discardableResult
    mutating func warnOfSettings() -> [String] {
        let missing = settingWarnings.tell(
            settings, serving: reloader.entries.map(\.description),
            route: { runtime.route(for: $0)?.producer.description }, logger)
        readiness.misses(producers: missing)
        return missing
    }

    /// Applies new settings to all parts that use them.
    private mutating func apply(_ change: SettingsChange, _ tokens: ServedTokenRules) {
        settings = change.settings
        tokens.warnOfKept(besides: self.tokens.kept, logger)
        self.tokens = tokens
        // Keys can have changed in their files.
        door.replaceSettings(settings.frontDoor(passed, tokens))
        if !change.fixed.isEmpty {
            logger.warning(
                "settings not changed: they need a restart of the server",
                metadata: ["settings": "\(change.fixed.joined(separator: ", "))"])
        }
        guard !change.changed.isEmpty else { return }
        loader.configure(settings.loading(copies: development?.copies))
        runtime.replaceLimits(settings.limits)
        reloader.replaceTrialRules(settings.trialRules)
        if let settings = settings.adminDoor { admin?.replaceSettings(settings) }
        writer.level = Logger.Level(settings.logLevel)
        logger.info("settings changed", metadata: ["settings": "\(change.changed.joined(separator: ", "))"])
    }
}
