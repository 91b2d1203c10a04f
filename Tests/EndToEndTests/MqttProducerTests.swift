import FoundationEssentials
import Glibc
import ProducerInterface
import TestSupport
import Testing

@Suite(
    "The mqtt producer", .onTestThreads,
    .enabled(
        if: BuiltProducts.hasPlugin("mqtt") && Broker.isInstalled,
        "needs libmosquitto-dev for Plugins/mqtt, and mosquitto to test it"))
struct MqttProducerTests {
    private struct Message: Decodable, Equatable {
        let topic, payload: String
        let qos: Int
        let retained: Bool

        init(_ topic: String, _ payload: String, retained: Bool = false) {
            self.topic = topic
            self.payload = payload
            qos = 0
            self.retained = retained
        }
    }

    private func next(_ subscriber: TestSubscriber) throws -> Message {
        try JSONDecoder().decode(Message.self, from: Data((subscriber.nextEvent(within: .seconds(20)).data ?? "").utf8))
    }

    private func withBroker(_ broker: Broker, _ body: (SluiceServer) throws -> Void) throws {
        try withShippedPlugin("mqtt", configuration: ["broker": "127.0.0.1:\(broker.port)"], body)
    }

    @Test("messages of a topic reach all its subscribers, over one subscription")
    func topic() throws {
        let broker = try Broker()
        try withBroker(broker) { server in
            let subscribers = try (0..<2).map { _ in try server.subscribe("/mqtt/news") }
            for subscriber in subscribers { _ = try subscriber.head() }
            try server.waitForLog("subscribed")
            try broker.publish("elsewhere", to: "other")
            try broker.publish("{\"a\":\"ü\"}\n", to: "news")
            for subscriber in subscribers { #expect(try next(subscriber) == Message("news", "{\"a\":\"ü\"}\n")) }
            #expect(server.logLines.count { $0.message == "subscribed" } == 1)
        }
    }

    @Test("a filter has + and #, and slashes as %2F; retained messages arrive at once")
    func filters() throws {
        let broker = try Broker()
        try broker.publish("21.5", to: "home/kitchen/temperature", retained: true)
        try withBroker(broker) { server in
            let wide = try server.subscribe("/mqtt/home%2F%23?qos=1")
            #expect(try next(wide) == Message("home/kitchen/temperature", "21.5", retained: true))
            let narrow = try server.subscribe("/mqtt/home%2F+%2Ftemperature")
            #expect(try next(narrow) == Message("home/kitchen/temperature", "21.5", retained: true))
            try broker.publish("7", to: "home/cellar/temperature")
            for subscriber in [wide, narrow] {
                #expect(try next(subscriber) == Message("home/cellar/temperature", "7"))
            }
        }
    }

    @Test("a payload of any bytes becomes text; one with a NUL ends there")
    func payloads() throws {
        let broker = try Broker()
        try withBroker(broker) { server in
            let subscriber = try server.subscribe("/mqtt/raw")
            _ = try subscriber.head()
            try server.waitForLog("subscribed")
            let payloads: [([UInt8], String)] = [
                ([], ""), ([0xFF, 0x22, 0x5C], "\u{FFFD}\"\\"), ([0x61, 0, 0x62], "a"),
                (Array(repeating: 0x78, count: 100_000), String(repeating: "x", count: 100_000)),
            ]
            for (payload, text) in payloads {
                try broker.publish(payload, to: "raw")
                #expect(try next(subscriber) == Message("raw", text))
            }
        }
    }

    @Test("a broker that restarts is connected to again; one that is not there yet is waited for")
    func reconnecting() throws {
        let broker = try Broker()
        broker.stop()
        try withBroker(broker) { server in
            let subscriber = try server.subscribe("/mqtt/news")
            _ = try subscriber.head()
            for round in 1...2 {
                let start = server.logLines.count
                try broker.start()
                try server.waitForLog("subscribed", from: start, within: .seconds(30))
                try broker.publish("round \(round)", to: "news")
                #expect(try next(subscriber) == Message("news", "round \(round)"))
                broker.stop()
                try server.waitForLog("the connection to the broker is lost; reconnecting", from: start)
            }
        }
    }

    @Test("a broker that refuses is named in the log, and the stream stays")
    func refused() throws {
        let broker = try Broker("allow_anonymous false")
        try withBroker(broker) { server in
            let subscriber = try server.subscribe("/mqtt/news")
            _ = try subscriber.head()
            try server.waitForLog("the refusal") { $0.message.hasPrefix("the broker refuses: ") }
        }
    }

    @Test("subscriptions end with their last subscriber, whether the broker is there or not", arguments: [true, false])
    func leaving(isThere: Bool) throws {
        let broker = try Broker()
        if !isThere { broker.stop() }
        try withShippedPlugin(
            "mqtt", configuration: ["broker": "127.0.0.1:\(broker.port)"], flags: ["--linger", "0s"]
        ) { server in
            for number in 0..<5 {
                let subscriber = try server.subscribe("/mqtt/topic\(number)")
                _ = try subscriber.head()
                if isThere { try server.waitForLog("subscribed") }
                let start = server.logLines.count
                subscriber.client.reset()
                try server.waitForLog(
                    "stream closed", ["producer": "mqtt", "reason": "disconnected"], from: start, within: .seconds(5))
            }
        }
    }

    @Test("invalid topics, and missing configuration, are rejected")
    func refusals() throws {
        try withShippedPlugin("mqtt", configuration: ["broker": "127.0.0.1:1"]) { server in
            try server.expectRefusal(400, of: "/mqtt/a%23")
            try server.expectRefusal(400, of: "/mqtt/a?qos=3")
            try server.expectRefusal(404, of: "/mqtt")
        }
        for broker in [":1883", "host:", "host:0", "host:70000", "host:1x"] {
            try withShippedPlugin("mqtt", configuration: ["broker": broker]) { server in
                try server.expectRefusal(500, of: "/mqtt/a")
                try server.waitForLog("\"broker\" must be a host, or host:port")
            }
        }
        try withShippedPlugin("mqtt") { server in try server.expectRefusal(403, of: "/mqtt/a") }
    }
}

/// A real broker on loopback.
private final class Broker {
    private static let program = "/usr/sbin/mosquitto"
    static let isInstalled = access(program, X_OK) == 0

    let port: Int
    private let directory = TemporaryDirectory()
    private let configuration: String
    private var running: RunningProgram?

    init(_ settings: String = "allow_anonymous true") throws {
        port = try freePort()
        let lines = ["listener \(port) 127.0.0.1", "persistence false", "log_dest stderr", "user root", settings]
        configuration = directory.write((lines.joined(separator: "\n") + "\n").utf8, to: "mosquitto.conf")
        try start()
    }

    deinit { stop() }

    func start() throws {
        let program = try RunningProgram([Self.program, "-c", configuration])
        guard program.errors.wait(.seconds(10), until: { $0.description.contains("running") }) != nil else {
            throw TestFailure("the broker does not start: \(program.errors.lines)")
        }
        running = program
    }

    func stop() {
        running?.signal(SIGTERM)
        _ = running?.waitForExit(.seconds(10))
        running = nil
    }

    /// Publishes with minimal MQTT 3.1.1: CONNECT, PUBLISH with QoS 0, DISCONNECT.
    func publish(_ payload: [UInt8], to topic: String, retained: Bool = false) throws {
        func text(_ text: String) -> [UInt8] {
            [UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 255)] + text.utf8
        }
        func packet(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
            var length = body.count
            var bytes = [type]
            repeat {
                bytes.append(UInt8(length & 127) | (length > 127 ? 128 : 0))
                length >>= 7
            } while length > 0
            return bytes + body
        }
        let client = try RawClient(port: port)
        try client.send(
            packet(0x10, text("MQTT") + [4, 2, 0, 60] + text("publisher"))
                + packet(0x30 | (retained ? 1 : 0), text(topic) + payload) + packet(0xE0, []))
        _ = try client.readToEnd()
    }

    func publish(_ payload: String, to topic: String, retained: Bool = false) throws {
        try publish(Array(payload.utf8), to: topic, retained: retained)
    }
}
