import NIOCore
import NIOHTTP1
import ProducerInterface
import StreamRuntime

/// One connection while it speaks HTTP/1.x: answers its requests one after the other, until one of them becomes a
/// stream.
///
/// Lives on its event loop: first on the doorstep, then, unless it was handed over from there, in its channel's pipeline,
/// behind the parser. Input is read only while it is wanted: not
/// while a stream is being opened (what a client sends behind its request stays in the kernel, and a peer that leaves
/// is noticed all the same), and not while the client does not read its responses.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Between two requests, or before the first.
        case idle
        /// Some bytes of a head have come.
        case head
        /// A head has come, its body not yet all.
        case body
        /// A stream's `open` runs. There is no token before `StreamOpener.open` has returned.
        case opening(PendingOpen, StreamToken?)
        /// Open; the responses before it are still being sent.
        case flushing(StreamToken)
        /// The channel itself is the subscriber.
        case streaming(ChannelSubscriber)
        /// The channel was the subscriber, and what it was given last is still being sent.
        case finishing
        /// Answered for the last time; waits for the client to end its side.
        case lingering
        case over

        /// It is the client's turn: for a newcomer, the connection can be let go.
        var isWaiting: Bool {
            switch self {
            case .idle, .head, .body, .lingering: true
            case .opening, .flushing, .streaming, .finishing, .over: false
            }
        }
    }

    let roster: ConnectionRoster
    let channel: any Channel
    /// NIO's own, of which nobody must make use once the connection is over; `nil` if the channel has none.
    let descriptor: Int32?
    /// The connection's place in the roster, or before it is in there, on the doorstep; kept by these.
    var place: Int?
    /// When `deadlinePassed` is due.
    var deadline = NIODeadline.distantFuture
    var phase = Phase.idle {
        didSet { if isActive { phaseChanged() } }
    }
    /// `nil` outside the pipeline: on the doorstep, and when all is over.
    private(set) var context: ChannelHandlerContext?
    /// It can be written to.
    private(set) var isActive = false
    /// What is to be done when it can.
    private var onceActive: (() -> Void)?
    /// What is being answered; `nil` between requests.
    var request: HTTPRequestHead?
    /// Something came behind a request for a stream, and is lost: if the stream comes to nothing, the connection can't
    /// go on.
    private(set) var hasDroppedInput = false
    /// The client has ended its sending side, as far as is known.
    var isInputClosed = false

    var scan = HeadScan()
    var body = RequestBody()
    /// The parser has given up on the method, and it is not told yet whether it is one (501) or nonsense (400).
    private var isMethodUnknown = false
    private(set) var isReadHeld = false

    /// Among those that wait for their clients.
    private(set) lazy var seat = WaitingLine.Seat(of: self)
    /// Among those whose bodies are kept.
    private(set) lazy var uploadSeat = WaitingLine.Seat(of: self)
    /// The front door counts it.
    var isCounted = true

    init(roster: ConnectionRoster, channel: any Channel) {
        self.roster = roster
        self.channel = channel
        descriptor = SocketOptions.descriptor(of: channel)
        if let descriptor { SocketOptions.prepare(descriptor) }
    }

    var settings: ServerSettings { roster.settings }

    /// Without port; IPv4 as such even if it came through an IPv6 socket.
    var remoteAddress: String {
        let address = channel.remoteAddress?.ipAddress ?? ""
        return address.hasPrefix("::ffff:") && address.contains(".") ? String(address.dropFirst(7)) : address
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
        if case .idle = phase { wait(settings.headTimeout) }
        phaseChanged()
        roster.join(self)
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
        if context == nil { roster.doorstep.takeIn(self) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        roster.leave(self)
        peerLeft()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { inputClosed() }
        context.fireUserInboundEventTriggered(event)
    }

    /// No further requests: takes leave if none is in progress.
    func stop() {
        if case .idle = phase { linger() }
    }

    /// Ends the connection at once, whatever it does.
    func abort() {
        context?.close(promise: nil)
    }

    func deadlinePassed() {
        switch phase {
        case .head: respond(Problem(408, "The request's head took too long to arrive.").response, last: true)
        case .body: respond(Problem(408, body.pace.fault).response, last: true)
        case .idle, .flushing, .finishing, .lingering: abort()
        case .opening:
            deadline = .distantFuture
            if let descriptor { SocketOptions.probePeer(descriptor, after: 15, every: 5, attempts: 3) }
        case .streaming, .over: deadline = .distantFuture
        }
    }

    /// Sets the time by which something must have happened.
    func wait(_ time: Duration) { deadline = channel.eventLoop.now + TimeAmount(time) }

    // MARK: Reading

    private var wantsInput: Bool {
        switch phase {
        case .idle, .head, .body: context?.channel.isWritable ?? false
        case .lingering: true
        case .opening, .flushing, .streaming, .finishing, .over: false
        }
    }

    func read(context: ChannelHandlerContext) {
        if wantsInput { context.read() } else { isReadHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        resumeReading()
        context.fireChannelWritabilityChanged()
    }

    func resumeReading() {
        guard isReadHeld, wantsInput else { return }
        isReadHeld = false
        context?.read()
    }

    /// Takes from `bytes` what the parser may have next; `nil` if the rest is to be dropped.
    func admit(_ bytes: inout ByteBuffer) -> ByteBuffer? {
        switch phase {
        case .idle, .head:
            let count = bytes.withUnsafeReadableBytes { scan.take($0) }
            for (offset, byte) in scan.corrections { bytes.setInteger(byte, at: bytes.readerIndex + offset) }
            guard scan.count <= settings.maxHeadBytes else {
                respond(Refusal.headTooLarge(settings), last: true)
                return nil
            }
            if case .idle = phase {
                phase = .head
                wait(settings.headTimeout)
            }
            if isMethodUnknown { refuseMethod() }
            return bytes.readSlice(length: count)
        case .body:
            // What follows a body is a head again, and counted as one.
            let count = bytes.withUnsafeReadableBytes { body.take($0) }
            guard body.excessFraming <= settings.maxHeadBytes else {
                respond(Refusal.framingTooLarge(settings), last: true)
                return nil
            }
            return bytes.readSlice(length: count)
        case .opening, .flushing, .streaming, .finishing, .lingering, .over:
            hasDroppedInput = true
            return nil
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), phase) {
        case (.head(let head), .idle), (.head(let head), .head): received(head)
        case (.body(let piece), .body): received(piece)
        case (.end, .body): receivedEnd()
        default: hasDroppedInput = true
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Any other error is the socket's, and NIO closes the channel.
        guard let error = error as? HTTPParserError, context.channel.isActive else { return }
        switch phase {
        case .idle, .head:
            switch (error, scan.requestLine.state) {
            case (.invalidMethod, _):
                isMethodUnknown = true
                refuseMethod()
            case (.invalidVersion, .otherVersion), (.invalidVersion, .noVersion):
                respond(Refusal.unknownVersion, last: true)
            default: respond(Refusal.of(error, settings), last: true)
            }
        case .body: respond(Refusal.of(error, settings), last: true)
        default: hasDroppedInput = true
        }
    }

    /// The parser stops at the first letter that begins no method it knows. What it was is seen at the end of the line, however
    /// that comes in pieces.
    private func refuseMethod() {
        switch scan.requestLine.state {
        case .complete: respond(Refusal.unknownMethod, last: true)
        case .otherVersion: respond(Refusal.unknownVersion, last: true)
        case .noVersion, .malformed: respond(Refusal.malformed, last: true)
        case .method, .target, .version: break
        }
    }
}
