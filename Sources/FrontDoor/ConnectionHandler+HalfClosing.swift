import NIOCore
import StreamRuntime

/// A client that ends its sending side (FIN). It may be gone, or have only that, as some proxies do behind a request. What it is sent
/// shows which: one that is gone answers with a reset. So whatever is answered is sent.
extension ConnectionHandler {
    func inputClosed() {
        isInputClosed = true
        switch phase {
        // No request will follow, and none that has begun will be complete. What was answered before is sent.
        case .idle, .head, .body, .lingering: linger()
        case .opening(let pending, _): awaitAnswer(to: pending)
        case .streaming(let subscriber): roster.opener.sinkHalfClosed(subscriber.token)
        // What follows is sent.
        case .flushing, .finishing, .over: break
        }
    }

    /// How long a client waits for its stream to open once it has ended its side. Most that do so are gone, and nothing can be sent yet
    /// to find out: a producer must not open for them long. A usual open takes much less.
    static let openingGrace = TimeAmount.milliseconds(20)

    /// Who has sent a body is expected to wait for the answer. Anybody else has left if there is none soon.
    private func awaitAnswer(to pending: PendingOpen) {
        if let request, RequestBody.announced(by: request) > 0 { return }
        let connection = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.eventLoop.scheduleTask(in: Self.openingGrace) {
            guard case .opening(let current, _) = connection.value.phase, current === pending else { return }
            connection.value.abort()
        }
    }

    /// Closing an output whose input is closed closes all at once, and would drop what was not sent yet.
    func closeWhenSent() {
        guard let context else { return }
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in connection.value.abort() }
    }
}
