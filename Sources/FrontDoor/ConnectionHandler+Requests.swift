import NIOCore
import NIOHTTP1

/// From a head to its answer.
extension ConnectionHandler {
    func received(_ head: HTTPRequestHead) {
        let head = head.withTrimmedValues
        request = head
        phase = .body
        body = RequestBody(of: head, pace: BodyPace(settings, from: channel.eventLoop.now))
        awaitBody()
        if let problem = FieldRules.problem(with: head) {
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
        switch roster.rules.verdict(on: head, body: [], from: "") {
        case .respond(let response) where response.status >= 400: respond(response, last: true)
        case .turnAway(let why): turnAway(why)
        case .respond, .streamHead, .open:
            context?.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
        }
    }

    func received(_ piece: ByteBuffer) {
        guard body.count + piece.readableBytes <= settings.maxBodyBytes else {
            return respond(Refusal.bodyTooLarge(settings), last: true)
        }
        guard let growth = reserve(for: piece) else { return turnAway(.overload("max-arriving-bytes")) }
        let isProgress = body.append(piece, growingBy: growth)
        if isProgress { hasProgressed() }
        awaitBody()
    }

    private func awaitBody() {
        deadline = body.pace.deadline(at: channel.eventLoop.now, having: body.count)
    }

    func receivedEnd() {
        guard let head = request else { return }
        scan.reset()
        let verdict = roster.rules.verdict(on: head, body: body.bytes, from: remoteAddress)
        endBody()
        switch verdict {
        case .respond(let response): respond(response)
        case .streamHead: respondWithStreamHead()
        case .open(let match, let streamRequest): open(match, streamRequest)
        case .turnAway(let why): turnAway(why)
        }
    }
}
