import Glibc
import Logging
import NIOCore
import NIOHTTP1
import ProducerInterface
import StreamRuntime

extension ConnectionHandler {
    func open(_ match: RouteMatch, _ streamRequest: StreamRequest) {
        let pending = PendingOpen(for: self, on: channel.eventLoop)
        phase = .opening(pending, nil)
        wait(settings.probeAfter)
        do throws(Overload) {
            phase = .opening(pending, try roster.opener.open(match, streamRequest, answering: pending))
        } catch {
            pending.cancel()
            whenActive { self.turnAway(.overload(error.limit)) }
        }
    }

    /// The channel is closed: a stream that was being opened, or that the channel carried, has lost its subscriber.
    func peerLeft() {
        let phase = phase
        self.phase = .over
        request = nil
        endBody()
        switch phase {
        case .opening(let pending, let token):
            pending.cancel()
            if let token { roster.opener.leave(token) }
        case .flushing(let token): roster.opener.leave(token)
        case .streaming(let subscriber):
            subscriber.connectionEnded()
            roster.opener.sinkClosed(subscriber.token)
        case .idle, .head, .body, .finishing, .lingering, .over: break
        }
    }

    /// The runtime's answer, never within `open`; the open that it is for may be over by now.
    func opened(with answer: OpenAnswer, for pending: PendingOpen) {
        guard case .opening(let current, let token?) = phase, current === pending else { return }
        if case .stream(let headers) = answer, isOnDoorstep, settings.allowsHandOver {
            if isReset { return leaveDoorstep() }
            phase = .flushing(token)
            return handOver(token, headers)
        }
        whenActive { self.answer(answer, of: token) }
    }

    private func answer(_ answer: OpenAnswer, of token: StreamToken) {
        guard case .opening = phase else { return }
        switch answer {
        case .stream(let headers): prepareHandOver(of: token, headers)
        case .ended(let headers): respond(Response(status: 204, headers: permitted(headers)))
        case .rejected(let status, let message, let headers): respond(rejection(status, message, headers))
        case .unavailable: turnAway(.unavailable)
        case .failed(let code):
            var problem = Problem(500, "The stream could not be opened. The server's log says why, under this code.")
            problem.members = [("code", code)]
            respond(problem.response)
        }
        context?.flush()
    }

    private func rejection(_ status: Int, _ message: String, _ headers: [StreamRequest.Field]) -> Response {
        let isError = 400...599 ~= status
        if !isError {
            roster.oddities.warn(
                "a producer rejected a request with a status that is no error", ["status": "\(status)"])
        }
        var problem = Problem(isError ? status : 500, message)
        problem.headers = permitted(headers)
        return problem.response
    }

    /// Those of a producer's headers that are its to say.
    private func permitted(_ headers: [StreamRequest.Field]) -> [StreamRequest.Field] {
        for header in headers where !StreamHead.allows(header) {
            roster.oddities.warn(
                "a producer's response header was left out: it is reserved or malformed",
                ["header": "\(header.name)"])
        }
        return headers.filter(StreamHead.allows)
    }

    /// Waits until the responses before this one are sent: from then on, the stream writes to the same socket.
    private func prepareHandOver(of token: StreamToken, _ headers: [StreamRequest.Field]) {
        guard let context else { return }
        phase = .flushing(token)
        if (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) == 0 {
            return handOver(token, headers)
        }
        wait(settings.flushTimeout)
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenSuccess {
            connection.value.handOver(token, headers)
        }
    }

    private func handOver(_ token: StreamToken, _ headers: [StreamRequest.Field]) {
        guard case .flushing = phase else { return }
        switch HandOver.duplicate(settings.allowsHandOver ? descriptor : nil) {
        case .taken(let descriptor):
            roster.opener.attach(
                token, to: .descriptor(descriptor), head: streamHead(headers), form: responseForm)
            endChannel()
        case .notASocket:
            let subscriber = ChannelSubscriber(token: token, connection: self, on: channel)
            phase = .streaming(subscriber)
            let (head, form) = (streamHead(headers), responseForm)
            request = nil
            roster.opener.attach(token, to: .sink(subscriber), head: head, form: form)
            if isInputClosed { roster.opener.sinkHalfClosed(token) }
        case .refused(let code):
            roster.opener.leave(token)
            // As if nothing had been opened, until this is answered.
            phase = .body
            whenActive {
                self.turnAway(.overload("open files: \(String(cString: strerror(code)))"))
                self.context?.flush()
            }
        }
    }

    /// The connection is another's, who has it by now: until then it is counted here.
    private func endChannel() {
        if isOnDoorstep { roster.doorstep.leave(self) }
        phase = .over
        request = nil
        channel.close(promise: nil)
    }

    /// How the stream that was asked for is sent.
    var responseForm: ResponseForm {
        var form: ResponseForm = []
        if request?.version != .http1_0 { form.insert(.chunked) }
        if request?.method != .POST { form.insert(.reconnects) }
        return form
    }

    private func streamHead(_ headers: [StreamRequest.Field]) -> [UInt8] {
        let isChunked = responseForm.contains(.chunked)
        if headers.isEmpty, isChunked { return roster.plainStreamHead() }
        var bytes = ByteBuffer()
        StreamHead.write(to: &bytes, date: roster.date.now(), isChunked: isChunked, headers: permitted(headers))
        return Array(bytes.readableBytesView)
    }

    func turnAway(_ why: TurnedAway) {
        roster.population.turnedAway()
        roster.shedding.warn("a subscriber was turned away", ["reason": "\(why.reason)", "peer": "\(remoteAddress)"])
        // EventSource has no other method than GET; whoever sends a POST would take an empty stream for the answer.
        let isEventSource =
            request?.method != .POST && AcceptHeader(request?.headers["accept"] ?? []).namesEventStream
        respond(
            Overloaded.response(
                why, isEventSource: isEventSource, retryAfter: Overloaded.wait(in: settings.retryAfter)))
    }

    /// The channel's own stream has ended; ends the response once its frames are written.
    func finishStream() {
        guard case .streaming = phase, let context else { return }
        phase = .finishing
        wait(settings.flushTimeout)
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenSuccess {
            if case .finishing = connection.value.phase { connection.value.linger() }
        }
    }

    func abortStream() {
        guard case .streaming = phase else { return }
        phase = .over
        abort()
    }
}
