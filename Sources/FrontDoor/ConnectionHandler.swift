import NIOCore
import NIOHTTP1
import ProducerInterface
import StreamRuntime

/// One connection while it speaks HTTP/1.x: answers its requests one after the other, until one of them becomes a
/// stream.
///
/// Lives on its event loop: first on the doorstep, then, unless it was handed over from there, in its channel's
/// pipeline, after the parser. It brings the parts together that do the work: `ConnectionState` is where it stands,
/// `RequestReader` reads, `RequestExchange` answers, `StreamHandOver` opens streams, and `ConnectionPlace` is its share
/// of what all connections have in common.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let connections: LoopConnections
    let channel: any Channel
    /// Brings the connection in from the doorstep; `nil` for one that was never there.
    let reception: NIOLoopBound<Reception>?
    let entrance: Entrance
    /// The other end of the connection.
    let socketPeer: ClientAddress
    /// The other end, or the client that a PROXY header names.
    private(set) var peer: ClientAddress
    /// A proxy asks for a client that it does not name: then what the request says of the client is the client's own.
    private var hasUnnamedClient = false
    /// NIO's descriptor, which must not be used once the connection is over; `nil` if the channel has none.
    let descriptor: Int32?
    private(set) var state = ConnectionState()
    /// `nil` outside the pipeline: on the doorstep, and when the connection is over.
    private var context: ChannelHandlerContext?
    /// The channel can be written to.
    private var isActive = false
    /// What to do when the channel can be written to.
    private var onceActive: (() -> Void)?
    private var isReadHeld = false
    /// When `deadlinePassed` is due.
    var deadline = NIODeadline.distantFuture

    var reader = RequestReader()
    /// The request that is being answered; `nil` between requests.
    var request: HTTPRequestHead?
    /// When its head was complete; `nil` if nothing wants to know.
    var requestedAt: NIODeadline?
    /// How that request came in.
    var arrival: Arrival
    /// Added to the response to that request.
    var crossOrigin = CrossOriginHeaders()
    /// The subject of its token, for the log; `nil`: none that was checked.
    var subject: String?
    /// Takes the answer for the stream that is being opened.
    var pendingOpen: PendingOpen?
    /// Takes the answer of the page that is being made.
    var pendingPage: PendingPage?
    /// The channel as the subscriber of a stream.
    var subscriber: ChannelSubscriber?

    /// The position in the list of `LoopConnections` or, before that, of the doorstep.
    var index: Int?
    /// The connection is included in the front door's count.
    var isCounted = true
    /// Its place among the connections that wait for their clients.
    private(set) lazy var seat = WaitingLine.Seat(of: self)
    /// Its place among the connections whose bodies are kept.
    private(set) lazy var uploadSeat = WaitingLine.Seat(of: self)

    init(
        connections: LoopConnections, channel: any Channel, reception: NIOLoopBound<Reception>? = nil,
        at entrance: Entrance = Entrance()
    ) {
        self.entrance = entrance
        socketPeer = ClientAddress(channel.remoteAddress, at: entrance)
        peer = socketPeer
        arrival = Arrival(at: entrance, from: peer)
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

    /// The connection's PROXY header names this client, or none.
    func proxied(_ client: ClientAddress?) {
        peer = client ?? socketPeer
        hasUnnamedClient = client == nil
        arrival = Arrival(at: entrance, from: peer)
    }

    /// Notes how a request came in.
    func arrived(_ head: HTTPRequestHead) {
        let proxies = hasUnnamedClient ? TrustedProxies() : settings.proxies
        arrival = Arrival(of: head, at: entrance, from: peer, proxies)
    }

    /// Not handed over yet, and without handlers.
    var isOnDoorstep: Bool { state.phase != .over && context == nil }

    /// A request has arrived and was not read yet: the connection should not be closed just now.
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
        // `channelInactive` is not called for a channel that never became active.
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

    /// Runs what writes to the channel: now, or when the connection has come in from the doorstep.
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
        pendingPage?.cancel()
        pendingPage = nil
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

    /// In the phase `lingering`: ends the sending side after what was written, and drops what still arrives, until the
    /// client has ended its side or the time is up.
    func linger() {
        wait(settings.lingerTimeout)
        // If the input is closed, closing the output closes the channel at once, and would drop what was not sent yet.
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

    /// Bytes that are written within a read are flushed at the end of the read.
    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }

    func flush() { context?.flush() }

    /// Flushes, and calls `body` once everything that was written is sent.
    /// - Parameter body: gets `false` if it could not be sent.
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

    /// Takes from `bytes` what the parser may get next; `nil` if the rest is to be dropped.
    func admit(_ bytes: inout ByteBuffer) -> ByteBuffer? {
        let reading: RequestReader.Reading
        switch state.input {
        case .head: reading = reader.admitHead(from: &bytes, settings)
        case .body: reading = reader.admitBody(from: &bytes, settings)
        case .nothing:
            state.inputDropped()
            return nil
        }
        switch reading {
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
