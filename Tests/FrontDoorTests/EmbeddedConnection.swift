import Logging
import NIOCore
import NIOEmbedded
import ProducerInterface
import StreamRuntime

@testable import FrontDoor

/// A connection whose channel and clock are controlled by the test.
final class EmbeddedConnection {
    let opener = FakeOpener()
    private let channel = EmbeddedChannel()
    private let connections: LoopConnections
    private let arriving: ArrivingBytes

    init(_ change: (inout ServerSettings) -> Void = { _ in }) throws {
        var settings = ServerSettings()
        change(&settings)
        arriving = ArrivingBytes(limit: settings.maxArrivingBytes)
        connections = LoopConnections(
            settings, opener: opener, counts: ConnectionCounts(limit: 10), arriving: arriving,
            pending: PendingOpens(limit: settings.maxPendingOpens),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), on: channel.eventLoop)
        try ConnectionPipeline.add(ConnectionHandler(connections: connections, channel: channel))
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.7", port: 7)).wait()
    }

    deinit {
        // The stream's transport holds the channel, and the channel's handler holds the opener.
        for opened in opener.opened { _ = opener.takeTransport(of: opened.token) }
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    func send(_ text: String) throws { try channel.writeInbound(ByteBuffer(string: text)) }

    func send(bytes count: Int) throws {
        try channel.writeInbound(ByteBuffer(repeating: UInt8(ascii: "x"), count: count))
    }

    /// The client ends its sending side (FIN).
    func halfClose() { channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }

    /// Whether the connection is over.
    var isClosed: Bool { !channel.isActive }

    /// Runs the loop's tasks without letting time pass.
    func run() { channel.embeddedEventLoop.run() }

    func pass(seconds: Int64) { pass(.seconds(seconds)) }

    func pass(_ time: TimeAmount) { channel.embeddedEventLoop.advanceTime(by: time) }

    /// Everything that was answered so far.
    func answer() throws -> String {
        var text = ""
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    var arrivingBytes: Int { arriving.count }

    /// The size of the body that a producer received; `nil` if it received no request yet.
    var bodyBytes: Int? { opener.opened.first?.request.body.count }
}
