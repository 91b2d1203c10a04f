import EventStream
import Glibc
import Logging
import NIOCore
import NIOHTTP1
import StreamRuntime

extension ConnectionHandler {
    func open(_ match: RouteMatch, _ streamRequest: StreamRequest) {
        let pending = PendingOpen(for: self, on: channel.eventLoop)
        phase = .opening(pending, nil)
        deadline = .now() + TimeAmount(settings.probeAfter)
        do throws(Overload) {
            phase = .opening(pending, try roster.opener.open(match, streamRequest, answering: pending))
        } catch {
            pending.cancel()
            whenActive { self.shed(error.limit) }
        }
    }

    /// The channel is closed: a stream that was being opened, or that the channel carried, has lost its subscriber.
    func peerLeft() {
        let phase = phase
        self.phase = .over
        request = nil
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
            guard !hasPeerLeft else { return leaveDoorstep() }
            phase = .flushing(token)
            return handOver(token, headers)
        }
        whenActive { self.answer(answer, of: token) }
    }

    private func answer(_ answer: OpenAnswer, of token: StreamToken) {
        guard case .opening = phase else { return }
        switch answer {
        case .stream(let headers): prepareHandOver(of: token, headers)
        case .ended: respond(.noContent)
        case .rejected(let status, let message): respond(rejection(status, message))
        case .unavailable: shed("unavailable")
        case .failed(let code):
            var problem = Problem(500, "The stream could not be opened. The server's log says why, under this code.")
            problem.members = [("code", code)]
            respond(problem.response)
        }
        context?.flush()
    }

    private func rejection(_ status: Int, _ message: String) -> Response {
        guard 400...599 ~= status else {
            roster.oddities.warn(
                "a producer rejected a request with a status that is no error", ["status": "\(status)"])
            return Problem(500, message).response
        }
        return Problem(status, message).response
    }

    /// Waits until the responses before this one are sent: from then on, the stream writes to the same socket.
    private func prepareHandOver(of token: StreamToken, _ headers: [StreamRequest.Field]) {
        guard let context else { return }
        phase = .flushing(token)
        if (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) == 0 {
            return handOver(token, headers)
        }
        deadline = .now() + TimeAmount(settings.flushTimeout)
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenSuccess {
            connection.value.handOver(token, headers)
        }
    }

    private func handOver(_ token: StreamToken, _ headers: [StreamRequest.Field]) {
        guard case .flushing = phase else { return }
        switch HandOver.duplicate(settings.allowsHandOver ? descriptor : nil) {
        case .taken(let descriptor):
            endChannel()
            roster.opener.attach(token, to: .descriptor(descriptor), head: streamHead(headers))
        case .notASocket:
            let subscriber = ChannelSubscriber(token: token, connection: self, on: channel)
            phase = .streaming(subscriber)
            request = nil
            roster.opener.attach(token, to: .sink(subscriber), head: streamHead(headers))
        case .refused(let code):
            roster.opener.leave(token)
            // As if nothing had been opened, until this is answered.
            phase = .body
            whenActive {
                self.shed("open files: \(String(cString: strerror(code)))")
                self.context?.flush()
            }
        }
    }

    /// The connection is another's.
    private func endChannel() {
        if isOnDoorstep { roster.doorstep.leave(self) }
        phase = .over
        request = nil
        channel.close(promise: nil)
    }

    private func streamHead(_ headers: [StreamRequest.Field]) -> [UInt8] {
        if headers.isEmpty { return roster.plainStreamHead() }
        for header in headers where !StreamHead.allows(header) {
            roster.oddities.warn(
                "a producer's response header was left out: it is reserved or malformed",
                ["header": "\(header.name)"])
        }
        var bytes = ByteBuffer()
        StreamHead.write(to: &bytes, date: roster.date.now(), headers: headers.filter(StreamHead.allows))
        return Array(bytes.readableBytesView)
    }

    /// - Parameter reason: what is short, for the log.
    private func shed(_ reason: String) {
        roster.population.turnedAway()
        roster.shedding.warn("a subscriber was turned away", ["reason": "\(reason)", "peer": "\(remoteAddress)"])
        let accept = AcceptHeader(request?.headers["accept"] ?? [])
        respond(
            Overloaded.response(
                namesEventStream: accept.namesEventStream, retryAfter: Overloaded.wait(in: settings.retryAfter)))
    }

    /// The channel's own stream has ended; ends the response once its frames are written.
    func finishStream() {
        guard case .streaming = phase, let context else { return }
        phase = .finishing
        deadline = .now() + TimeAmount(settings.flushTimeout)
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
