import EventStream
import Glibc
import NIOCore
import NIOHTTP1
import ProducerInterface
import StreamRuntime
import SystemCalls

/// The part of a connection that makes it a stream's: from the request for a stream to the stream that has the
/// connection and, if the channel itself is the subscriber, to the end of the stream.
struct StreamHandOver {
    let connection: ConnectionHandler

    private var connections: LoopConnections { connection.connections }
    private var opener: any StreamOpener { connections.opener }
    private var settings: ServerSettings { connection.settings }

    // MARK: Opening

    func open(_ match: RouteMatch, _ streamRequest: StreamRequest) {
        connection.subject = streamRequest.identity?.subject
        let number = connection.advance { $0.openBegan() }
        guard let place = connections.pending.enter(match.producer.description) else {
            return connection.whenActive { [self] in
                connection.exchange.turnAway(.overload("max-pending-opens-per-producer"))
            }
        }
        let pending = PendingOpen(number, for: connection, in: place, on: connection.channel.eventLoop)
        connection.pendingOpen = pending
        connection.wait(settings.probeAfter)
        do throws(Overload) {
            let token = try opener.open(match, streamRequest, answering: pending)
            connection.advance { $0.openAccepted(token) }
        } catch {
            pending.cancel()
            connection.pendingOpen = nil
            connection.whenActive { [self] in connection.exchange.turnAway(TurnedAway(error)) }
        }
    }

    /// How long a client that has ended its side waits for its stream to open. Most such clients are gone, and nothing
    /// can be sent yet to find out, so a producer must not work long for them. A usual open takes much less.
    static let openingGrace = TimeAmount.milliseconds(20)

    /// The client has ended its sending side. A client that has sent a body is expected to wait for the answer; any
    /// other counts as gone if there is none soon.
    func limitWait(for number: Int) {
        if let request = connection.request, RequestBody.announced(by: request) > 0 { return }
        let connection = NIOLoopBound(connection, eventLoop: connection.channel.eventLoop)
        connection.eventLoop.scheduleTask(in: Self.openingGrace) {
            if connection.value.state.awaitsAnswer(number) { connection.value.abort() }
        }
    }

    /// The runtime's answer, never called within `open`. The open that it answers may be over by now.
    func opened(with answer: OpenAnswer, for number: Int) {
        guard let token = connection.state.token(answeredBy: number) else { return }
        connection.pendingOpen = nil
        if case .stream(let headers) = answer, connection.isOnDoorstep, settings.allowsHandOver {
            if let descriptor = connection.descriptor, SocketState.isReset(descriptor) {
                return connections.doorstep.dismiss(connection)
            }
            connection.advance { $0.flushBegan(token) }
            return handOver(token, headers)
        }
        connection.whenActive { [self] in
            guard connection.state.awaitsAnswer(number) else { return }
            act(on: answer, of: token)
            connection.flush()
        }
    }

    private func act(on answer: OpenAnswer, of token: StreamToken) {
        switch answer {
        case .stream(let headers): flush(for: token, headers)
        case .ended(let headers): connection.exchange.respond(connections.producerResponses.ended(headers))
        case .rejected(let status, let message, let headers):
            connection.exchange.respond(connections.producerResponses.rejection(status, message, headers))
        case .unavailable: connection.exchange.turnAway(.unavailable)
        case .failed(let code): connection.exchange.respond(connections.producerResponses.failure(code: code))
        }
    }

    // MARK: Handing over

    /// Waits until earlier responses are sent: from then on, the stream writes to the same socket.
    private func flush(for token: StreamToken, _ headers: [StreamRequest.Field]) {
        connection.advance { $0.flushBegan(token) }
        if (try? connection.channel.syncOptions?.getOption(.bufferedWritableBytes)) == 0 {
            return handOver(token, headers)
        }
        connection.wait(settings.flushTimeout)
        connection.whenSent { connection, isSent in
            if isSent { connection.handOver.handOver(token, headers) }
        }
    }

    private func handOver(_ token: StreamToken, _ headers: [StreamRequest.Field]) {
        guard connection.state.phase == .flushing(token) else { return }
        switch HandOver.duplicate(settings.allowsHandOver ? connection.descriptor : nil) {
        case .taken(let descriptor):
            let (head, form) = (headBytes(headers), responseForm)
            connections.access.answered(connection, status: 200, bytes: nil)
            opener.attach(token, to: .descriptor(descriptor, head: head), form: form)
            endChannel()
        case .notASocket: subscribe(token, head(headers))
        case .refused(let code):
            opener.leave(token)
            connection.advance { $0.handOverFailed() }
            connection.whenActive { [connection] in
                connection.exchange.turnAway(.openFiles(systemError(code)))
                connection.flush()
            }
        }
    }

    /// The stream has the socket by now; until then, the connection was counted here.
    private func endChannel() {
        if connection.isOnDoorstep { connections.doorstep.leave(connection) }
        connection.advance { $0.handedOver() }
        connection.request = nil
        connection.channel.close(promise: nil)
    }

    /// The channel itself becomes the subscriber.
    private func subscribe(_ token: StreamToken, _ head: StreamHead) {
        let form = responseForm
        let subscriber = ChannelSubscriber(
            token: token, head: head, isChunked: form.contains(.chunked), connection: connection)
        connection.advance { $0.streamBegan(token) }
        connection.subscriber = subscriber
        connections.access.answered(connection, status: head.status, bytes: nil)
        connection.request = nil
        opener.attach(token, to: .sink(subscriber), form: form)
        if connection.state.isInputClosed { opener.sinkHalfClosed(token) }
    }

    // MARK: The response

    /// How the requested stream is sent.
    var responseForm: ResponseForm {
        var form: ResponseForm = []
        if connection.request?.version != .http1_0 { form.insert(.chunked) }
        if connection.request?.method != .POST { form.insert(.reconnects) }
        return form
    }

    private func head(_ headers: [StreamRequest.Field]) -> StreamHead {
        .eventStream(date: connections.date.now(), adding: added(headers))
    }

    /// The headers that are not those of every stream.
    private func added(_ headers: [StreamRequest.Field]) -> [StreamRequest.Field] {
        let added = connection.crossOrigin.added(to: connections.producerResponses.permitted(headers))
        connections.noteReader(of: added, connection)
        return added
    }

    /// For a socket, to which the stream writes directly: HTTP/1.x.
    private func headBytes(_ headers: [StreamRequest.Field]) -> [UInt8] {
        let isChunked = responseForm.contains(.chunked)
        let added = added(headers)
        if added.isEmpty, isChunked { return connections.plainStreamHead() }
        var bytes = ByteBuffer()
        StreamHead.eventStream(date: connections.date.now(), adding: added).write(to: &bytes, isChunked: isChunked)
        return Array(bytes.readableBytesView)
    }

    // MARK: The end

    /// The channel's stream has ended: ends the response once its frames are written.
    func finishStream() {
        guard connection.advance({ $0.streamFinished() }) else { return }
        connection.wait(settings.flushTimeout)
        connection.whenSent { connection, isSent in
            if isSent, connection.advance({ $0.finishSent() }) { connection.linger() }
        }
    }

    /// The channel's stream drops its connection.
    func abortStream() {
        if connection.advance({ $0.streamAborted() }) { connection.abort() }
    }

    /// The channel is closed: a stream that was being opened, or that the channel carried, has lost its subscriber.
    func lost(_ loss: ConnectionState.Loss) {
        connection.pendingOpen?.cancel()
        connection.pendingOpen = nil
        // Until here, the connection and the subscriber keep each other.
        let subscriber = connection.subscriber.take()
        switch loss {
        case .nothing: break
        case .opening(let token): if let token { opener.leave(token) }
        case .waiting(let token): opener.leave(token)
        case .carried(let token):
            subscriber?.connectionEnded()
            opener.sinkClosed(token)
        }
    }
}
