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
    private let settings: Settings
    private let writer: LogWriter
    private let logger: Logger
    private let events: ControlEvents
    private let runtime: Runtime
    private let loader: PluginLoader
    private let reloader: Reloader
    private let door: Server

    /// Whatever runs longer than this after the drain deadline is left behind. Nanoseconds.
    private static let lastGrace: Int64 = 1_000_000_000
    /// The same after a second signal: time to hang up, not to wait.
    private static let lastGraceIfUrged: Int64 = 50_000_000

    init(_ options: ServeOptions) throws {
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
            settings: settings.loading,
            logger: logger)
        let directory = PluginDirectory(
            loader: loader, path: settings.pluginDirectory, probeCountMax: usableCoreCount())
        reloader = Reloader(runtime: runtime, source: directory, logger: logger)
        door = Server(settings.frontDoor, opener: runtime, logger: logger)
    }

    /// - Returns: the exit status.
    func run() async throws -> Int32 {
        defer { writer.finish() }
        let report: Reloader.Report
        do {
            report = try reloader.reload()
        } catch {
            throw CommandFailure("\(error)")
        }
        guard !reloader.entries.isEmpty else {
            throw CommandFailure(
                report.refusals.isEmpty
                    ? "\(settings.pluginDirectory): there is no plugin (*.so) in it; put one there: the README shows how to build it"
                    : "\(settings.pluginDirectory): none of its plugins can be served; each refusal is above")
        }
        guard runtime.start() else { throw CommandFailure("the system has no thread to give (ulimit -u?)") }
        let address: BoundAddress
        do {
            address = try await door.start()
        } catch {
            throw CommandFailure(error.description)
        }
        logger.info("listening", metadata: ["address": "\(address)", "routes": "\(reloader.entries.count)"])
        let greeting = Greeting(address: address.description, producers: reloader.entries.map(\.description))
        writeFully(Array(greeting.text.utf8), to: STDOUT_FILENO)
        serve()
        return await stop()
    }

    /// Reloads as asked to, until the process is to end.
    private func serve() {
        var drainEnd: Int64?
        while true {
            let arrived = events.next(until: drainEnd, now: monotonicNanoseconds)
            for event in arrived {
                switch event {
                case .terminate: return
                case .reload: reload()
                case .ledger: logLedger()
                case .drained: break
                }
            }
            drainEnd = reloader.endRetired(after: settings.drainDeadlineNanoseconds)
        }
    }

    private func reload() {
        logger.info("reloading", metadata: ["directory": "\(settings.pluginDirectory)"])
        do {
            // The configuration first: what is loaded may need its new section.
            loader.configure(try Settings.load(options).loading)
            let report = try reloader.reload()
            logger.info(
                "reloaded",
                metadata: [
                    "loaded": "\(report.loaded.count)", "replaced": "\(report.replaced.count)",
                    "removed": "\(report.removed.count)", "unchanged": "\(report.unchanged)",
                    "refused": "\(report.refusals.count)",
                ])
        } catch {
            logger.error("nothing reloaded", metadata: ["error": "\(error)"])
        }
    }

    /// Ends every stream, gives what was produced until the deadline to be sent, and every producer until then to close.
    private func stop() async -> Int32 {
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
                case .reload: logger.warning("not reloading: the server stops")
                case .ledger: logLedger()
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

extension Settings {
    fileprivate var limits: Limits {
        var limits = Limits()
        limits.maxStreams = streamCountMax
        limits.maxStreamsPerProducer = streamCountPerProducerMax
        limits.maxThreads = threadCountMax
        limits.handoffBytes = handoffBytes
        limits.maxHubsPerProducer = hubCountPerProducerMax
        limits.hub = hub
        limits.hubs = hubs
        limits.keepAlive = keepAliveNanoseconds
        limits.writeDeadline = writeDeadlineNanoseconds
        limits.maxAge = maxAgeNanoseconds
        limits.retryMilliseconds = retryMilliseconds
        limits.stallLimit = stallLimitNanoseconds
        return limits
    }

    fileprivate var loading: PluginLoader.Settings {
        var prober = Prober.Settings()
        prober.deadlineNanoseconds = probeDeadlineNanoseconds
        prober.memoryBytes = probeMemoryBytes
        return PluginLoader.Settings(
            isInsecure: acceptsInsecurePlugins, encoder: EventEncoder(maximumEventBytes: eventBytesMax),
            configuration: producerSections, prober: Prober(prober))
    }

    fileprivate var frontDoor: ServerSettings {
        var door = ServerSettings()
        door.host = listen.host
        door.port = listen.port
        door.threads = max(1, min(4, loopCount / 2))
        door.maxConnections = connectionCountMax
        door.maxBodyBytes = bodyBytesMax
        door.headTimeout = .nanoseconds(headTimeoutNanoseconds)
        door.idleTimeout = .nanoseconds(idleTimeoutNanoseconds)
        return door
    }
}
