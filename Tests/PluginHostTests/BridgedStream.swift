import CSluice
import EventStream
import ProducerInterface
import Testing

@testable import PluginHost

/// A stream of the fixture `Bridged`, for which a test binds functions as a plugin would.
final class BridgedStream {
    let driven: HandDrivenStream
    let name: String
    private var isClosed = false

    var token: StreamToken { driven.token }
    var callbacks: ProducerCallbacks { driven.producer.callbacks }
    private let host = HostTable.pointer.pointee

    /// - Parameter name: a name for the producer and the log that only this test uses, because late calls are counted
    ///   by it.
    convenience init(
        _ name: String, opens: Int32 = 0, closes: Int32 = 0, settings: PluginLoader.Settings = .init()
    ) throws {
        let plugin = try loadFixture("Bridged", defines: ["NAME=\"\(name)\""], settings: settings, log: name)
        try self.init(plugin, opens: opens, closes: closes)
    }

    init(_ plugin: LoadedPlugin, opens: Int32 = 0, closes: Int32 = 0) throws {
        name = plugin.name
        driven = HandDrivenStream(plugin.producers[0])
        let request = try driven.request(query: [.init("opens", String(opens)), .init("closes", String(closes))])
        _ = try driven.open(request)
    }

    deinit { if !isClosed { close() } }

    func close() {
        isClosed = true
        _ = driven.close(.completed)
    }

    func bind(
        _ signature: String?, _ handler: sluice_function?, _ context: UnsafeMutableRawPointer? = nil
    ) -> sluice_function? {
        guard let signature else { return host.bind(token.handle, nil, handler, context) }
        return host.bind(token.handle, signature, handler, context)
    }

    func callback(_ signature: String?) -> sluice_function? {
        guard let signature else { return host.callback(token.handle, nil) }
        return host.callback(token.handle, signature)
    }

    /// The function of `callback`, as a C function of a type that matches the signature.
    func callback<Function>(_ signature: String, as type: Function.Type) throws -> Function {
        unsafeBitCast(try #require(callback(signature), "\(lines)"), to: type)
    }

    /// Returns the emitted events as a client sees them, and forgets them.
    func events() -> [Event] {
        var frames: [String] = []
        FakeRuntime.shared.change(token) { stream in
            frames = stream.emitted
            stream.emitted = []
        }
        var parser = EventParser()
        var events: [Event] = []
        for frame in frames { events += parser.feed(Array(frame.utf8)) }
        return events
    }

    /// The log lines of the producer.
    var lines: [String] { RecordedLog.lines("producer", name).map(\.text) }
}
