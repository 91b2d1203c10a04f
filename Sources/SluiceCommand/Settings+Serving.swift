import EventStream
import FrontDoor
import PluginHost
import StreamRuntime

/// The settings, in the terms of those who follow them.
extension Settings {
    var limits: Limits {
        var limits = Limits()
        limits.maxStreams = streamCountMax
        limits.maxStreamsPerProducer = streamCountPerProducerMax
        limits.maxThreads = threadCountMax
        limits.handoffBytes = handoffBytes
        limits.maxHubsPerProducer = hubCountPerProducerMax
        limits.maxKeptRequestBytes = keptRequestBytesMax
        limits.hub = hub
        limits.hubs = hubs
        limits.keepAlive = keepAliveNanoseconds
        limits.writeDeadline = writeDeadlineNanoseconds
        limits.maxAge = maxAgeNanoseconds
        limits.retryMilliseconds = retryMilliseconds
        limits.stallLimit = stallLimitNanoseconds
        limits.callDeadline = callDeadlineNanoseconds
        limits.stackBytes = stackBytes
        limits.maxScheduledCalls = scheduledCallCountMax
        return limits
    }

    /// - Parameter copies: where the copies that are loaded stay.
    func loading(copies: String?) -> PluginLoader.Settings {
        var prober = Prober.Settings()
        prober.deadlineNanoseconds = probeDeadlineNanoseconds
        prober.memoryBytes = probeMemoryBytes
        var loading = PluginLoader.Settings(
            isInsecure: acceptsInsecurePlugins, encoder: EventEncoder(maximumEventBytes: eventBytesMax),
            configuration: producerSections, prober: Prober(prober, isAbandoned: { ControlEvents.isTerminating }))
        loading.copies = copies
        return loading
    }

    var trialRules: Trial.Rules {
        var rules = Trial.Rules()
        rules.failuresMax = trialFailureCountMax
        rules.duration = trialPeriodNanoseconds
        return rules
    }

    var frontDoor: ServerSettings {
        var door = ServerSettings()
        door.listeners = [ServerAddress(host: listen.host, port: listen.port)]
        door.threads = max(1, min(4, loopCount / 2))
        door.maxConnections = connectionCountMax
        door.maxBodyBytes = bodyBytesMax
        door.maxArrivingBytes = arrivingBytesMax
        door.headTimeout = .nanoseconds(headTimeoutNanoseconds)
        door.bodyTimeout = .nanoseconds(bodyTimeoutNanoseconds)
        door.bodyGrace = .nanoseconds(bodyGraceNanoseconds)
        door.minBodyBytesPerSecond = bodyBytesPerSecondMin
        door.idleTimeout = .nanoseconds(idleTimeoutNanoseconds)
        return door
    }
}
