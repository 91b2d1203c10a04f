import NIOCore
import NIOHTTP1
import ProducerInterface
import StreamRuntime

/// One connection while it speaks HTTP/1.x: answers its requests one after the other, until one of them becomes a
/// stream.
///
/// Lives on its event loop: first on the doorstep, then, unless it was handed over from there, in its channel's
/// pipeline, after the parser. It brings together the parts that know what to do: where it stands is in
/// `ConnectionState`, what it reads in `RequestReader`; `RequestExchange` answers, `StreamHandOver` opens streams, and
/// `ConnectionPlace` is what it takes of what all connections share.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let connections: LoopConnections
    let channel: any Channel
    /// Brings the connection in from the doorstep; `nil` for one that was never there.
    let reception: NIOLoopBound<Reception>?
    /// NIO's own, which must not be used once the connection is over; `nil` if the channel has none.
    let descriptor: Int32?
    private(set) var state = ConnectionState()
    /// `nil` outside the pipeline: on the doorstep, and when all is over.
    private var context: ChannelHandlerContext?
    /// It can be written to.
    private var isActive = false
    /// What is to be done when it can.
    private var onceActive: (() -> Void)?
    private var isReadHeld = false
    /// When `deadlinePassed` is due.
    var deadline = NIODeadline.distantFuture

    var reader = RequestReader()
    /// What is being answered; `nil` between requests.
    var request: HTTPRequestHead?
    /// Takes the answer for the stream that is being opened.
    var pendingOpen: PendingOpen?
    /// The channel as the subscriber of a stream.
    var subscriber: ChannelSubscriber?

    /// Kept by `LoopConnections`, and before the connection is there, by the doorstep.
    var index: Int?
    /// The connection is among those of the front door's count.
    var isCounted = true
    /// Among those that wait for their clients.
    private(set) lazy var seat = WaitingLine.Seat(of: self)
    /// Among those whose bodies are kept.
    private(set) lazy var uploadSeat = WaitingLine.Seat(of: self)

    init(connections: LoopConnections, channel: any Channel, reception: NIOLoopBound<Reception>? = nil) {
        self.connections = connections
        self.channel = channel
        self.reception = reception
        descriptor = SocketOptions.descriptor(of: channel)
        if let descriptor { SocketOptions.prepare(descriptor) }
    }

    var settings: ServerSettings { connections.settings }
    var place: ConnectionPlace { ConnectionPlace(connection: self) }
    var exchange: RequestExchange { RequestExchange(connection: self) }
    var handOver: StreamHandOver { StreamHandOver(connection: self) }

    /// Without port; IPv4 as such even if it came through an IPv6 socket.
    var remoteAddress: String {
        let address = channel.remoteAddress?.ipAddress ?? ""
        return address.hasPrefix("::ffff:") && address.contains(".") ? String(address.dropFirst(7)) : address
    }

    /// Not handed over yet, and without handlers.
    var isOnDoorstep: Bool { state.phase != .over && context == nil }

    /// A request has come and was not read yet: it would be a pity to close the connection just now.
    var hasUnreadRequest: Bool {
        guard state.phase == .idle, !isReadHeld, let descriptor else { return false }
        return SocketState.hasInput(descriptor)
    }

    /// Takes a step of the state machine. Entering a phase begins a wait for the client, or ends one.
    @discardableResult
    func advance<Result>(_ step: (inout ConnectionState) -> Result) -> Result {
        let phase = state.phase
        let result = step(&state)
        if isActive, state.phase != phase { place.phaseChanged() }
        return result
    }

    // MARK: The channel's life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // Without `channelInactive`, if it never became active.
        peerLeft()
        onceActive = nil
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        isActive = true
        if state.phase == .idle { wait(settings.headTimeout) }
        place.phaseChanged()
        connections.join(self)
        context.fireChannelActive()
        if let body = onceActive.take() {
            body()
            context.flush()
        }
    }

    /// Does what writes to the channel: now, or when the connection has come in from the doorstep.
    func whenActive(_ body: @escaping () -> Void) {
        if isActive { return body() }
        onceActive = body
        if context == nil { connections.doorstep.takeIn(self) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connections.leave(self)
        peerLeft()
        context.fireChannelInactive()
    }

    /// The channel is closed.
    func peerLeft() {
        let loss = advance { $0.channelClosed() }
        request = nil
        place.endBody()
        handOver.lost(loss)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            switch advance({ $0.inputClosed() }) {
            case .nothing: break
            case .linger: linger()
            case .awaitAnswer(let number): handOver.limitWait(for: number)
            case .tell(let token): connections.opener.sinkHalfClosed(token)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: Waiting and ending

    /// Sets the time by which something must have happened.
    func wait(_ time: Duration) { deadline = channel.eventLoop.now + TimeAmount(time) }

    func deadlinePassed() {
        switch state.lateness {
        case .nothing: deadline = .distantFuture
        case .refuseHead: exchange.respond(Refusal.headTooSlow, last: true)
        case .refuseBody: exchange.respond(Problem(408, reader.body.pace.fault).response, last: true)
        case .close: abort()
        case .probePeer:
            deadline = .distantFuture
            if let descriptor { SocketOptions.probePeer(descriptor, after: 15, every: 5, attempts: 3) }
        }
    }

    /// No further requests: the connection ends now if none is in progress.
    func stop() {
        if advance({ $0.stopped() }) { linger() }
    }

    /// In the phase `lingering`: ends the sending side after what was written, and drops what still comes, until the
    /// client has ended its side or the time is up.
    func linger() {
        wait(settings.lingerTimeout)
        // Closing an output whose input is closed closes all at once, and would drop what was not sent yet.
        if state.isInputClosed { return whenSent { connection, _ in connection.abort() } }
        context?.flush()
        context?.close(mode: .output, promise: nil)
        resumeReading()
    }

    /// Ends the connection at once, whatever it does.
    func abort() {
        context?.close(promise: nil)
    }

    // MARK: Writing

    /// What is written within a read is flushed at the read's end.
    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }

    func flush() { context?.flush() }

    /// Flushes, and calls once all that was written is sent.
    /// - Parameter body: is told `false` if it could not be sent.
    func whenSent(_ body: @escaping (ConnectionHandler, _ isSent: Bool) -> Void) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { outcome in
            body(self, (try? outcome.get()) != nil)
        }
    }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        if state.wantsInput(isWritable: context.channel.isWritable) { context.read() } else { isReadHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        resumeReading()
        context.fireChannelWritabilityChanged()
    }

    func resumeReading() {
        guard isReadHeld, let context, state.wantsInput(isWritable: context.channel.isWritable) else { return }
        isReadHeld = false
        context.read()
    }

    /// Takes from `bytes` what the parser may have next; `nil` if the rest is to be dropped.
    func admit(_ bytes: inout ByteBuffer) -> ByteBuffer? {
        let admission: RequestReader.Admission
        switch state.input {
        case .head: admission = reader.admitHead(from: &bytes, settings)
        case .body: admission = reader.admitBody(from: &bytes, settings)
        case .nothing:
            state.inputDropped()
            return nil
        }
        switch admission {
        case .piece(let piece):
            if advance({ $0.headBegan() }) { wait(settings.headTimeout) }
            return piece
        case .refusal(let response):
            exchange.respond(response, last: true)
            return nil
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state.input) {
        case (.head(let head), .head): exchange.received(head)
        case (.body(let piece), .body): exchange.received(piece)
        case (.end, .body): exchange.receivedEnd()
        default: state.inputDropped()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Any other error is the socket's, and NIO closes the channel.
        guard let error = error as? HTTPParserError, context.channel.isActive else { return }
        guard state.input != .nothing else { return state.inputDropped() }
        if let refusal = reader.refusal(of: error, in: state.input, settings) { exchange.respond(refusal, last: true) }
    }
}
