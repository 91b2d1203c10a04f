import Control
import EventStream
import FrontDoor
import Logging
import PluginHost
import Settings
import StreamRuntime
import SystemCalls
import TestSupport
import Testing

@testable import SluiceCommand

@Suite("The use of settings")
struct SettingUseTests {
    private func settings(_ flags: [String: String], file: String = "") throws -> Settings {
        try Settings(
            SettingSources(
                flags: flags, environment: [:], file: ConfigurationFile(parsing: file, path: "s.yaml")))
    }

    @Test("each arrives where it is used")
    func uses() throws {
        let settings = try settings(settingSamples)
        let (limits, door) = (settings.limits, settings.frontDoor())
        #expect(limits.maxStreams == 12 && limits.maxStreamsPerProducer == 13 && limits.maxThreads == 14)
        #expect(limits.maxStreamsPerAddress == 43 && limits.maxStreamsPerIdentity == 44)
        #expect(limits.maxOpensPerAddress == 45 && limits.maxOpensPerIdentity == 46)
        #expect(limits.stackBytes == 15 << 20 && limits.maxScheduledCalls == 16 && limits.handoffBytes == 17 << 10)
        #expect(limits.maxHubsPerProducer == 26 && limits.maxKeptRequestBytes == 33 << 20)
        #expect(limits.keepAlive == 18_000_000_000 && limits.writeDeadline == 19_000_000_000)
        #expect(limits.maxAge == 1_200_000_000_000 && limits.retryMilliseconds == 21_500)
        #expect(limits.stallLimit == 22_000_000 && limits.callDeadline == 17_000_000_000)
        #expect(limits.hub.historyEvents == 27 && limits.hub.historyBytes == 28 << 10 && limits.hub.linger == .max)
        #expect(limits.hub.slowPolicy == .skip && !limits.hub.isAnchored && limits.hubs.isEmpty)
        var listener = ListenSettings(host: "::1", port: 9)
        listener.hosts = HostNames(["events.example.com", "::1"])
        listener.crossOrigin.origins = ["https://a.example"]
        listener.crossOrigin.allowsCredentials = true
        listener.crossOrigin.exposedHeaders = ["X-Id"]
        listener.crossOrigin.maxAge = .seconds(41)
        #expect(door.proxies.ranges == [try #require(IPRange("10.0.0.0/8"))] && door.proxies.includesUnix)
        #expect(
            door.proxies.headers == .forwarded && door.basePath == "/below" && door.accessLog == .all
                && door.maxPendingOpens == 42)
        #expect(door.listeners == [listener] && door.maxConnections == 11)
        #expect(door.maxBodyBytes == 16 << 10 && door.maxArrivingBytes == 37 << 20 && door.minBodyBytesPerSecond == 32)
        #expect(door.headTimeout == .seconds(24) && door.bodyTimeout == .seconds(36) && door.bodyGrace == .seconds(31))
        #expect(door.idleTimeout == .seconds(25))
        #expect(settings.trialRules.failuresMax == 5 && settings.trialRules.duration == 29_000_000_000)
        let loading = settings.loading(copies: "/copies")
        #expect(loading.isInsecure && loading.copies == "/copies" && loading.encoder.maximumEventBytes == 15 << 10)
        let prober = try #require(loading.prober).settings
        #expect(prober.deadlineNanoseconds == 7_000_000_000 && prober.memoryBytes == 32 << 20)
        #expect(settings.loopCount == 3 && settings.plugins == "elsewhere" && settings.control == "/run/s.sock")
        #expect(settings.watch && settings.logFormat == .json && Logger.Level(settings.logLevel) == .debug)
        #expect(settings.drainDeadline == .seconds(23) && settings.shutdownDeadline == .seconds(9))
    }

    @Test("the types that use them have the same defaults")
    func defaults() throws {
        let settings = try settings([:])
        let (limits, door) = (settings.limits, settings.frontDoor())
        var (usual, usualDoor) = (Limits(), ServerSettings())
        #expect("\(limits)" == "\(usual)")
        usualDoor.threads = door.threads
        usualDoor.listeners[0].hosts = HostNames(["127.0.0.1"])
        #expect("\(door)" == "\(usualDoor)")
        #expect(settings.trialRules == Trial.Rules())
        #expect((1...255).contains(settings.loopCount))
        usual.hub.linger += 1
        #expect("\(limits)" != "\(usual)", "so that the comparison shows something")
    }

    @Test("a producer's shared streams have its settings, its plugin its configuration")
    func producers() throws {
        let settings = try settings(
            ["history-events": "10"],
            file: "producers: {tail: {root: /a}}\nhubs: {tail: {linger: 1m, slow-policy: skip}, quiet: {anchor: false}}"
        )
        let tail = try #require(settings.limits.hubs["tail"])
        #expect(
            tail.historyEvents == 10 && tail.linger == 60_000_000_000 && tail.slowPolicy == .skip && tail.isAnchored)
        #expect(settings.limits.hubs["quiet"]?.isAnchored == false)
        #expect(settings.loading(copies: nil).configuration["tail"] == ["root": "/a"])
    }

    @Test("the admin listener has an address of its own, on the network of the operator's choice or in the file system")
    func admin() throws {
        #expect(try settings([:]).adminDoor == nil)
        let door = try #require(try settings(["admin": "127.0.0.1:9180"]).adminDoor)
        #expect(door.listeners.map(\.description) == ["127.0.0.1:9180"] && door.threads == 1)
        let file = try #require(try settings(["admin": "unix:/run/admin.sock mode=600"]).adminDoor)
        #expect(file.listeners.map(\.description) == ["unix:/run/admin.sock"])
        for text in ["", "9180", "systemd", ":9180 proxy-protocol", "unix:"] {
            #expect(throws: SettingError.self) { try settings(["admin": text]) }
        }
        for text in ["healthz", "", "/a b", "/a?b", "/ä"] {
            #expect(throws: SettingError.self) { try settings(["health-path": text]) }
        }
        #expect(try settings(["health-path": "none"]).healthPath.isEmpty)
    }

    @Test("levels have the names of the log's")
    func levels() {
        #expect(LogLevel.allCases.map { Logger.Level($0).rawValue } == LogLevel.allCases.map(\.rawValue))
        #expect(LogLevel.allCases.count == Logger.Level.allCases.count)
    }

    @Test("the setting of the control socket accepts the longest possible path, and the value for none")
    func control() throws {
        let longest = "/" + String(repeating: "s", count: ControlPath.bytesMax - 1)
        for path in [longest, ControlPath.none] { #expect(try settings(["control": path]).control == path) }
        #expect(throws: SettingError.self) { try settings(["control": longest + "s"]) }
    }
}
