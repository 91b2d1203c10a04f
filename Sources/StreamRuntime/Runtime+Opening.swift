package import ProducerInterface
import StreamLoop
import Synchronization

/// Takes a request to a stream that has its connection.
extension Runtime: StreamOpener {
    package func route(for path: String) -> RouteMatch? { currentRoutes.match(path) }

    package func open(
        _ match: RouteMatch, _ request: StreamRequest, answering door: any OpenAnswering
    ) throws(Overload) -> StreamToken {
        do {
            return try StreamRequestAdmission(runtime: self, door: door).admit(match.entry, request)
        } catch {
            counts.countRefused(error.limit)
            throw error
        }
    }

    package func countFinished(_ match: RouteMatch) { match.entry.countFinished() }

    package func leave(_ stream: StreamToken) {
        withStreams(stream) { streams in streams.loop.post { streams.leave(stream) } }
    }

    package func attach(_ stream: StreamToken, to transport: StreamTransport, form: ResponseForm) {
        withStreams(stream) { streams in streams.loop.post { streams.attach(stream, to: transport, form: form) } }
    }

    package func sinksDrained(_ tokens: [StreamToken]) {
        for streams in loops where tokens.contains(where: { $0.loop == streams.loop.index }) {
            streams.loop.post {
                for token in tokens where token.loop == streams.loop.index { streams.sinkDrained(token) }
            }
        }
    }

    package func sinkHalfClosed(_ stream: StreamToken) {
        withStreams(stream) { streams in streams.loop.post { streams.sinkHalfClosed(stream) } }
    }

    package func sinkClosed(_ stream: StreamToken) {
        withStreams(stream) { streams in streams.loop.post { streams.sinkClosed(stream) } }
    }

    /// Ignores a token that no loop of this runtime has made: a plugin may pass anything that it has kept.
    func withStreams(_ token: StreamToken, _ body: (LoopStreams) -> Void) {
        if token.loop < loops.count { body(loops[token.loop]) }
    }
}
