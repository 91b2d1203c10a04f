import EventStream
import ProducerInterface
import TestSupport
import Testing

@testable import PluginHost

/// Loads a fixture, with a log of the test's own.
func loadFixture(
    _ name: String, defines: [String] = [], headers: String = currentHeaders,
    settings: PluginLoader.Settings = PluginLoader.Settings(), log: String = "test"
) throws -> LoadedPlugin {
    _ = FakeRuntime.shared
    return try PluginLoader(settings: settings, logger: RecordedLog.logger(log)).load(
        fixturePlugin(name, defines: defines, headers: headers))
}

/// A stream of a fixture's producer that the test drives as the runtime would.
final class HandDrivenStream {
    let producer: PluginProducer
    let token: StreamToken
    var state = ProducerState.none
    var frames = FrameBuffer(capacity: 256)

    init(_ producer: PluginProducer) {
        self.producer = producer
        token = FakeRuntime.shared.begin(producer)
    }

    /// Creates a stream of the producer of that name.
    convenience init(_ plugin: LoadedPlugin, _ name: String) throws {
        self.init(try #require(plugin.producers.first { $0.description.name == name }))
    }

    deinit { end() }

    /// Ends it as the runtime does when nothing of the stream is running any more.
    func end() {
        FakeRuntime.shared.end(token)
        producer.forget(token)
    }

    func request(
        path: [StreamRequest.Field] = [], query: [StreamRequest.Field] = [], headers: [StreamRequest.Field] = [],
        method: String = "GET", lastEventID: String? = nil, body: [UInt8] = []
    ) throws -> StreamRequest {
        StreamRequest(
            method: method, path: "/the/path", query: query, headers: headers, remoteAddress: "192.0.2.7",
            lastEventID: lastEventID, body: body, parameters: try producer.resolve(path: path, query: query))
    }

    func open(_ request: StreamRequest? = nil) throws -> OpenOutcome {
        producer.open(token, try request ?? self.request(), state: &state)
    }

    func pull(events: Int = 100, bytes: Int = 1 << 16) -> PullOutcome {
        producer.pull(token, state: state, into: &frames, events: events, bytes: bytes)
    }

    func close(_ reason: CloseReason) -> Bool {
        producer.close(token, state: state, reason: reason)
    }

    var frameCount: Int { frames.frameCount }

    /// Returns the pulled bytes, and forgets them.
    func text() -> String {
        defer { frames.removeAll() }
        return String(decoding: frames.bytes, as: UTF8.self)
    }
}

extension OpenOutcome {
    /// One text for each outcome, to compare by.
    var text: String {
        switch self {
        case .opened(let headers): "opened " + Self.text(headers)
        case .ended(let headers): headers.isEmpty ? "ended" : "ended " + Self.text(headers)
        case .rejected(let status, let message, let headers):
            "rejected \(status) \(message)" + (headers.isEmpty ? "" : " " + Self.text(headers))
        case .failed(let log): "failed \(log)"
        case .pending: "pending"
        }
    }

    private static func text(_ headers: [StreamRequest.Field]) -> String {
        headers.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
    }
}
