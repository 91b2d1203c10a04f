import EventStream
import FrontDoor
import Logging
import PluginHost
import Settings
import StreamRuntime

/// The settings in the form in which the other targets need them. Those that concern the process itself, such as the
/// folder of the plugins, the log and the deadlines of its end, are read by `ServingProcess`.
extension Settings {
    var limits: Limits {
        var limits = Limits()
        limits.maxStreams = self.maxStreams
        limits.maxStreamsPerProducer = self.maxStreamsPerProducer
        limits.maxStreamsPerAddress = self.maxStreamsPerAddress
        limits.maxStreamsPerIdentity = self.maxStreamsPerIdentity
        limits.maxOpensPerAddress = self.maxOpensPerAddress
        limits.maxOpensPerIdentity = self.maxOpensPerIdentity
        limits.maxThreads = self.maxThreads
        limits.handoffBytes = self.handoffBytes
        limits.maxHubsPerProducer = self.maxHubsPerProducer
        limits.maxKeptRequestBytes = self.maxKeptRequestBytes
        limits.hub = HubSettings(anyProducer)
        limits.hubs = producers.mapValues(HubSettings.init)
        limits.keepAlive = self.keepAlive.nanoseconds
        limits.writeDeadline = self.writeDeadline.nanoseconds
        limits.maxAge = self.maxAge.nanoseconds
        limits.retryMilliseconds = self.retry.nanoseconds / 1_000_000
        limits.stallLimit = self.stallLimit.nanoseconds
        limits.callDeadline = self.callDeadline.nanoseconds
        limits.stackBytes = self.stackSize
        limits.maxScheduledCalls = self.maxScheduledCalls
        return limits
    }

    /// - Parameter copies: the folder for the copies that are loaded.
    func loading(copies: String?) -> PluginLoader.Settings {
        var prober = Prober.Settings()
        prober.deadlineNanoseconds = self.probeDeadline.nanoseconds
        prober.memoryBytes = self.probeMemory
        var loading = PluginLoader.Settings(
            isInsecure: self.insecurePlugins, encoder: EventEncoder(maximumEventBytes: self.maxEventBytes),
            configuration: producerConfigurations,
            prober: Prober(prober, isAbandoned: { ControlEvents.isTerminating }))
        loading.copies = copies
        return loading
    }

    var trialRules: Trial.Rules {
        var rules = Trial.Rules()
        rules.failuresMax = self.trialFailures
        rules.duration = self.trialPeriod.nanoseconds
        return rules
    }

    /// - Parameters:
    ///   - passed: the sockets that the service manager has opened.
    ///   - tokens: `nil`: nobody needs a token.
    func frontDoor(_ passed: PassedSockets = PassedSockets(), _ tokens: ServedTokenRules? = nil) -> ServerSettings {
        var door = ServerSettings()
        if let tokens {
            door.tokens = tokens.common
            door.tokensOfProducers = tokens.ofProducers
        }
        door.listeners = zip(self.listen, listeners).map { address, own in
            var listener = ListenSettings(address, passed)
            listener.hosts = HostNames(own.hosts + address.ownName)
            listener.crossOrigin = CrossOriginPolicy(own)
            listener.expectsProxyHeader = address.acceptsProxyHeader
            return listener
        }
        for (name, producer) in producers where producer.hasOwn("cors") {
            door.crossOriginOfProducers[name] = CrossOriginPolicy(producer)
        }
        door.proxies = TrustedProxies(self)
        door.basePath = self.basePath
        door.accessLog = AccessLog.Choice(self.accessLog)
        door.threads = max(1, min(4, loopCount / 2))
        door.maxConnections = self.maxConnections
        door.maxPendingOpens =
            self.maxPendingOpensPerProducer > 0 ? self.maxPendingOpensPerProducer : max(1, self.maxConnections / 2)
        door.maxBodyBytes = self.maxBodyBytes
        door.maxArrivingBytes = self.maxArrivingBytes
        door.headTimeout = self.headTimeout
        door.bodyTimeout = self.bodyTimeout
        door.bodyGrace = self.bodyGrace
        door.minBodyBytesPerSecond = self.minBodyRate
        door.idleTimeout = self.idleTimeout
        return door
    }

    /// The admin listener's; `nil`: there is none.
    var adminDoor: ServerSettings? {
        guard case .at(let address) = self.admin else { return nil }
        var door = ServerSettings()
        var listener = ListenSettings(address, PassedSockets())
        listener.hosts = HostNames(self.hosts + address.ownName)
        door.listeners = [listener]
        // Those who ask are few. More of them wait in the backlog, or take the place of one that asks nothing.
        door.maxConnections = 64
        door.accessLog = AccessLog.Choice(self.accessLog)
        return door
    }

    /// What `watch` follows besides the plugins. The default configuration file does not have to exist yet.
    var watchedFiles: [String] {
        ([configurationPath ?? ConfigurationFile.defaultPath] + tokenFiles).map(StartFolder.ofThisProcess.absolute)
    }

    var loopCount: Int { self.loops == 0 ? usableCoreCount() : self.loops }
}

extension AccessLog.Choice {
    init(_ choice: AccessLogging) {
        self =
            switch choice {
            case .errors: .errors
            case .all: .all
            case .none: .none
            }
    }
}

extension ListenSettings {
    init(_ address: ListenAddress, _ passed: PassedSockets) {
        switch address.place {
        case .host(let host, let port): self.init(.host(host, port: port))
        case .unix(let path): self.init(.unix(path: path, mode: address.mode, group: address.group))
        case .systemd(let name): self.init(.passed(passed.descriptors(named: name), name: name))
        }
    }
}

extension ListenAddress {
    /// The name of the host, if it is one: requests may use it.
    var ownName: [String] {
        guard case .host(let host?, _) = place else { return [] }
        return [host.lowercased()]
    }
}

extension TrustedProxies {
    init(_ settings: Settings) {
        self.init()
        for pattern in settings.trustedProxies {
            switch pattern {
            case .addresses(let range): ranges.append(range)
            case .unix: includesUnix = true
            }
        }
        headers =
            switch settings.forwardedHeaders {
            case .xForwarded: .xForwarded
            case .forwarded: .forwarded
            }
    }
}

extension CrossOriginPolicy {
    init(_ settings: ScopedSettings) {
        self.init()
        for pattern in settings.corsOrigins {
            switch pattern {
            case .any: allowsAny = true
            case .local: allowsLocal = true
            case .exact(let origin): origins.insert(origin)
            case .subdomains(let scheme, let end): subdomains.append(.init(scheme: scheme, end: end))
            }
        }
        allowsCredentials = settings.corsCredentials
        exposedHeaders = settings.corsExposedHeaders
        maxAge = settings.corsMaxAge
    }
}

extension HubSettings {
    init(_ producer: ScopedSettings) {
        self.init()
        historyEvents = producer.historyEvents
        historyBytes = producer.historyBytes
        linger = producer.linger.nanoseconds
        isAnchored = producer.anchor
        slowPolicy =
            switch producer.slowPolicy {
            case .disconnect: .disconnect
            case .skip: .skip
            }
    }
}

extension Logger.Level {
    init(_ level: LogLevel) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
