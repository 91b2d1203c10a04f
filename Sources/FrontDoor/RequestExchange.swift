import Logging
import NIOCore
import NIOHTTP1
import StreamRuntime

/// The part of a connection that answers: from a request's head to its response.
struct RequestExchange {
    let connection: ConnectionHandler

    private var connections: LoopConnections { connection.connections }
    private var settings: ServerSettings { connection.settings }

    // MARK: The request

    func received(_ head: HTTPRequestHead) {
        let head = head.withTrimmedValues
        connection.request = head
        connection.requestedAt = connection.channel.eventLoop.now
        connection.arrived(head)
        connection.crossOrigin = connections.rules.crossOriginHeaders(head, connection.arrival)
        connection.advance { $0.headEnded() }
        let refusal = connection.reader.begin(head, at: connection.channel.eventLoop.now, settings)
        awaitBody()
        if let refusal { return respond(refusal, last: true) }
        guard RequestBody.announced(by: head) > 0 else { return }
        // Before the body is sent.
        if let objection = connections.rules.objection(to: head, connection.arrival) {
            return refuse(objection, last: true)
        }
        connection.reader.body.isKept = connections.rules.takesBody(head)
        if head.expectsContinue { answerExpectation(of: head) }
    }

    /// The client asks before it sends the body. A request that fails anyway is answered now; and because the body may
    /// follow or not, the connection ends.
    private func answerExpectation(of head: HTTPRequestHead) {
        switch connections.rules.verdict(on: head, connection.arrival) {
        case .respond(let response) where response.status >= 400: respond(response, last: true)
        case .turnAway(let why): turnAway(why)
        case .refuse(let objection): refuse(objection, last: true)
        case .respond, .finished, .streamHead, .make, .open:
            connection.write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
            connection.flush()
        }
    }

    func received(_ piece: ByteBuffer) {
        guard connection.reader.body.count + piece.readableBytes <= settings.maxBodyBytes else {
            return respond(Refusal.bodyTooLarge(settings), last: true)
        }
        guard let growth = connection.place.reserve(for: piece) else {
            return turnAway(.overload("max-arriving-bytes"))
        }
        let isProgress = connection.reader.body.append(piece, growingBy: growth)
        if isProgress { connection.place.bodyProgressed() }
        awaitBody()
    }

    private func awaitBody() {
        let body = connection.reader.body.count
        connection.deadline = connection.reader.body.pace.deadline(at: connection.channel.eventLoop.now, having: body)
    }

    func receivedEnd() {
        guard let head = connection.request else { return }
        connection.reader.end()
        let verdict = connections.rules.verdict(
            on: head, connection.arrival, body: connection.reader.body.bytes)
        connection.place.endBody()
        switch verdict {
        case .respond(let response): respond(response)
        case .finished(let match):
            connections.opener.countFinished(match)
            respond(.noContent)
        case .streamHead: respondWithStreamHead()
        case .make(let making): make(making)
        case .open(let match, let streamRequest): connection.handOver.open(match, streamRequest)
        case .turnAway(let why): turnAway(why)
        case .refuse(let objection): refuse(objection)
        }
    }

    // MARK: The response

    /// Answers the request, or what could not be read as one, and continues with the next one unless the connection
    /// ends here.
    ///
    /// Bytes that are written within a read are flushed at the end of the read; at any other time, `flush` must follow.
    /// - Parameter last: `true` ends the connection after this response, whatever the client asked for.
    func respond(_ response: Response, last: Bool = false) {
        let request = connection.request
        let ends =
            last || response.closes || connection.state.endsWithResponse || connections.isStopping
            || !(request?.mayBeFollowed ?? false)
        var response = response
        response.headers = connection.crossOrigin.added(to: response.headers)
        connections.noteReader(of: response.headers, connection)
        var bytes = ByteBuffer()
        response.write(
            to: &bytes, date: connections.date.now(),
            ends ? .closes : request?.version == .http1_0 ? .keptAlive : .persists,
            withBody: request?.method != .HEAD)
        finish(bytes, status: response.status, last: ends)
    }

    /// HEAD on a stream's route.
    private func respondWithStreamHead() {
        let head = StreamHead.eventStream(date: connections.date.now(), adding: connection.crossOrigin.headers)
        var bytes = ByteBuffer()
        head.write(to: &bytes, isChunked: connection.handOver.responseForm.contains(.chunked))
        finish(bytes, status: head.status, last: true)
    }

    /// Lets a page be made, and nothing else be read meanwhile.
    private func make(_ making: Page.Making) {
        let pending = PendingPage(for: connection)
        connection.pendingPage = pending
        connection.advance { $0.makingBegan() }
        connection.wait(settings.pageTimeout)
        making { pending.take($0) }
    }

    /// The page that the connection waits for, never called within `make`.
    func made(_ answer: Page.Answer) {
        guard connection.state.phase == .making else { return }
        connection.pendingPage = nil
        respond(Response(answer))
        connection.flush()
    }

    func turnAway(_ why: TurnedAway) {
        let request = connection.request
        connections.counts.countTurnedAway(why.kind)
        connections.shedding.warn(
            "a subscriber was refused", ["reason": "\(why.reason)", "address": "\(connection.arrival.client)"])
        // EventSource only uses GET; a client that sends a POST would take an empty stream for the answer.
        let isEventSource =
            request?.method != .POST && AcceptHeader(request?.headers["accept"] ?? []).namesEventStream
        respond(
            why.response(isEventSource: isEventSource, retryAfter: TurnedAway.wait(in: settings.retryAfter)))
    }

    private func refuse(_ objection: AccessObjection, last: Bool = false) {
        connections.counts.countRefused(objection.kind)
        connection.subject = objection.subject
        connections.refusals.warn(
            "a request was refused", ["reason": "\(objection.reason)", "address": "\(connection.arrival.client)"])
        respond(objection.response, last: last)
    }

    private func finish(_ bytes: ByteBuffer, status: Int, last: Bool) {
        connection.write(bytes)
        connections.access.answered(connection, status: status, bytes: bytes.readableBytes)
        connection.request = nil
        connection.requestedAt = nil
        connection.crossOrigin = CrossOriginHeaders()
        connection.subject = nil
        connection.arrival = Arrival(at: connection.entrance, from: connection.peer)
        connection.place.endBody()
        connection.advance { $0.responded(isLast: last) }
        if last { return connection.linger() }
        connection.wait(settings.idleTimeout)
        connection.resumeReading()
    }
}

extension HTTPRequestHead {
    /// The client expects the connection to stay open, and the parser can continue: after an upgrade request it reads
    /// nothing more.
    fileprivate var mayBeFollowed: Bool {
        // In HTTP/1.0, the parser treats a request that says both as one that keeps the connection.
        isKeepAlive && !headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
            && method != .CONNECT && !headers.contains(name: "upgrade")
    }

    /// RFC 9110 §10.1.1; not in HTTP/1.0.
    fileprivate var expectsContinue: Bool {
        version != .http1_0
            && headers[canonicalForm: "expect"].contains { $0.lowercased() == "100-continue" }
    }
}
