import EventStream
import NIOCore
import NIOHTTP1
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
    }

    let roster: ConnectionRoster
    let channel: any Channel
    /// NIO's own, of which nobody must make use once the connection is over; `nil` if the channel has none.
    let descriptor: Int32?
    /// The connection's place in the roster, or before it is in there, on the doorstep; kept by these.
    var place: Int?
    /// When `deadlinePassed` is due.
    var deadline = NIODeadline.distantFuture
    var phase = Phase.idle
    /// `nil` outside the pipeline: on the doorstep, and when all is over.
    private(set) var context: ChannelHandlerContext?
    /// It can be written to.
    private var isActive = false
    /// What is to be done when it can.
    private var onceActive: (() -> Void)?
    /// What is being answered; `nil` between requests.
    var request: HTTPRequestHead?
    /// Something came behind a request for a stream, and is lost: if the stream comes to nothing, the connection can't
    /// go on.
    private(set) var hasDroppedInput = false

    private var scan = HeadScan()
    private var body = RequestBody()
    private var isReadHeld = false

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
        if case .idle = phase { deadline = .now() + TimeAmount(settings.headTimeout) }
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
        case .body: respond(Problem(408, "The request's body took too long to arrive.").response, last: true)
        case .idle, .flushing, .finishing, .lingering: abort()
        case .opening:
            deadline = .distantFuture
            if let descriptor { SocketOptions.probePeer(descriptor, after: 15, every: 5, attempts: 3) }
        case .streaming, .over: deadline = .distantFuture
        }
    }

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
            guard scan.count <= settings.maxHeadBytes else {
                respond(Refusal.headTooLarge(settings), last: true)
                return nil
            }
            if case .idle = phase {
                phase = .head
                deadline = .now() + TimeAmount(settings.headTimeout)
            }
            return bytes.readSlice(length: count)
        case .body:
            return bytes.readSlice(length: bytes.readableBytes)
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
        case .idle, .head, .body: respond(Refusal.of(error, settings), last: true)
        default: hasDroppedInput = true
        }
    }

    private func received(_ head: HTTPRequestHead) {
        request = head
        phase = .body
        deadline = .now() + TimeAmount(settings.bodyTimeout)
        body = RequestBody()
        if let problem = roster.rules.fault(in: head) {
            respond(problem.response, last: true)
        } else if RequestBody.announced(by: head) > settings.maxBodyBytes {
            respond(Refusal.bodyTooLarge(settings), last: true)
        } else if RequestBody.announced(by: head) > 0 {
            body.isKept = roster.rules.takesBody(head)
            if head.expectsContinue { answerExpectation(of: head) }
        }
    }

    /// The client asks before it sends the body. A request that fails anyway is answered now, and as the body may come
    /// or not, the connection ends.
    private func answerExpectation(of head: HTTPRequestHead) {
        if case .respond(let response) = roster.rules.verdict(on: head, body: [], from: ""), response.status >= 400 {
            respond(response, last: true)
        } else {
            context?.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
    }

    private func received(_ piece: ByteBuffer) {
        body.append(piece)
        if body.count > settings.maxBodyBytes { respond(Refusal.bodyTooLarge(settings), last: true) }
    }

    private func receivedEnd() {
        guard let head = request else { return }
        scan.reset()
        let verdict = roster.rules.verdict(on: head, body: body.bytes, from: remoteAddress)
        body = RequestBody()
        switch verdict {
        case .respond(let response): respond(response)
        case .streamHead: respondWithStreamHead()
        case .open(let match, let streamRequest): open(match, streamRequest)
        }
    }
}
