import EventStream
import Glibc
import ProducerInterface
import StreamRuntime
import Synchronization

/// A runtime that does what the request's path says, and records what it was asked.
///
/// - `/once`: opens at once; writes one event and ends the response.
/// - `/held`: opens at once; the test takes the connection.
/// - `/slow`: opens when the test decides, with any answer.
/// - `/ended`, `/rejected/{status}`, `/failed`, `/unavailable`, `/full`: the other outcomes. The first two have headers
///   with the query `headers`: some that a producer can set, and some that it can't.
/// - `/greedy`, `/hasty`: the client has too many streams, or opens them too fast for another 1.2 s.
/// - `/leaving`: its producer is gone, and its streams drain.
/// - `/number`: takes one parameter, `n`, a whole number. `/body`: like `/once`, but accepts a body, as `/slow` does,
///   too.
final class FakeOpener: StreamOpener {
    struct Opened: Sendable {
        let token: StreamToken
        let request: StreamRequest
        let door: any OpenAnswering
    }

    private struct State {
        var opened: [Opened] = []
        var left: [StreamToken] = []
        var attached: [StreamToken: StreamTransport] = [:]
        var attachCount = 0
        var heads: [StreamToken: [UInt8]] = [:]
        var forms: [StreamToken: ResponseForm] = [:]
        var halfClosed: [StreamToken] = []
        var drained: [StreamToken] = []
        var closed: [StreamToken] = []
        var whenOpening: (@Sendable () -> Void)?
        var whenGiven: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    /// Tells the thread sanitizer, which does not see a `Mutex`, that readers of an open come after it.
    private let openings = Atomic(0)

    var opened: [Opened] {
        defer { _ = openings.load(ordering: .acquiring) }
        return state.withLock { $0.opened }
    }
    var left: [StreamToken] { state.withLock { $0.left } }
    var attachCount: Int { state.withLock { $0.attachCount } }
    var drained: [StreamToken] { state.withLock { $0.drained } }
    var closed: [StreamToken] { state.withLock { $0.closed } }

    var halfClosed: [StreamToken] { state.withLock { $0.halfClosed } }
    /// Sets a function to call within the next `open`, before it answers.
    func whenOpening(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.whenOpening = body } }

    /// Sets a function to call at the beginning of each `attach` and `leave`.
    func whenGiven(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.whenGiven = body } }

    func form(of token: StreamToken) -> ResponseForm? { state.withLock { $0.forms[token] } }

    /// The bytes that a stream was given to send first on its descriptor.
    func head(of token: StreamToken) -> String {
        String(decoding: state.withLock { $0.heads[token] ?? [] }, as: UTF8.self)
    }

    /// Takes a stream's transport, which the test then uses and closes.
    func takeTransport(of token: StreamToken) -> StreamTransport? {
        state.withLock { $0.attached.removeValue(forKey: token) }
    }

    // MARK: StreamOpener

    func route(for path: String) -> RouteMatch? {
        let names = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        let known = [
            "once", "held", "slow", "ended", "rejected", "failed", "full", "unavailable", "number", "body", "headers",
            "leaving", "greedy", "hasty",
        ]
        guard let name = names.first, known.contains(name), names.count <= 2, !names.contains("") else { return nil }
        let producer = FakeProducer(
            ProducerDescription(
                plugin: "fake", name: name, route: path, acceptsBody: ["body", "slow", "greedy"].contains(name)))
        let generation = Generation(plugin: "fake", number: 1)
        return RouteMatch(
            entry: ProducerEntry(producer: producer, generation: generation),
            values: names.dropFirst().map { StreamRequest.Field("value", $0) }, isLeaving: name == "leaving")
    }

    func open(
        _ match: RouteMatch, _ request: StreamRequest, answering door: any OpenAnswering
    ) throws(Overload) -> StreamToken {
        let name = match.producer.description.name
        if name == "full" { throw Overload(limit: "max-streams") }
        if name == "greedy" { throw Overload(limit: "max-streams-per-address", .client(wait: nil)) }
        if name == "hasty" { throw Overload(limit: "max-opens-per-identity", .client(wait: 1_200_000_000)) }
        let token = state.withLock { state in
            let token = StreamToken(loop: 0, slot: UInt32(state.opened.count), epoch: 1)
            state.opened.append(Opened(token: token, request: request, door: door))
            openings.add(1, ordering: .releasing)
            return token
        }
        state.withLock { state in
            defer { state.whenOpening = nil }
            return state.whenOpening
        }?()
        switch name {
        case "slow": break
        case "ended": door.answer(.ended(headers: Self.headers(for: request)))
        case "rejected":
            door.answer(
                .rejected(
                    status: Int(match.values[0].value) ?? 0, message: "No “thanks”.\n",
                    headers: Self.headers(for: request)))
        case "unavailable": door.answer(.unavailable)
        case "failed": door.answer(.failed(code: "e7"))
        case "headers":
            door.answer(
                .stream(headers: [.init("X-Extra", "1"), .init("Content-Length", "5"), .init("X-Bad", "a\r\nb: c")]))
        default: door.answer(.stream(headers: []))
        }
        return token
    }

    private static func headers(for request: StreamRequest) -> [StreamRequest.Field] {
        guard request.query.contains(where: { $0.name == "headers" }) else { return [] }
        return [
            .init("Retry-After", "7"), .init("WWW-Authenticate", "Basic"), .init("WWW-Authenticate", "Bearer"),
            .init("Content-Length", "5"), .init("content-type", "text/plain"), .init("Connection", "close"),
            .init("Transfer-Encoding", "chunked"), .init("Date", "today"), .init("X-Bad", "a\r\nb: c"),
        ]
    }

    func leave(_ stream: StreamToken) {
        state.withLock(\.whenGiven)?()
        state.withLock { $0.left.append(stream) }
    }

    func attach(_ stream: StreamToken, to transport: StreamTransport, form: ResponseForm) {
        state.withLock(\.whenGiven)?()
        let name = state.withLock { state in
            if case .descriptor(_, let head) = transport { state.heads[stream] = head }
            state.forms[stream] = form
            state.attached[stream] = transport
            state.attachCount += 1
            return state.opened[Int(stream.slot)].request.path.split(separator: "/")[0]
        }
        guard name == "once" || name == "body" || name == "number" || name == "headers" else { return }
        switch takeTransport(of: stream) {
        case .descriptor(let descriptor, let head)?:
            let bytes = head + Array("data: hi\n\n".utf8)
            _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            close(descriptor)
        case .sink(let sink)?:
            sink.send(Array("data: hi\n\n".utf8))
            sink.finish()
        case nil: break
        }
    }

    func sinksDrained(_ streams: [StreamToken]) {
        state.withLock { $0.drained += streams }
    }

    func sinkHalfClosed(_ stream: StreamToken) {
        state.withLock { $0.halfClosed.append(stream) }
    }

    func sinkClosed(_ stream: StreamToken) {
        state.withLock { $0.closed.append(stream) }
    }
}

extension FrameSink {
    /// Sends a batch to this sink alone.
    func send(_ bytes: [UInt8]) {
        carrier.carry(bytes.withUnsafeBytes { SharedBytes(copying: $0) }.whole, to: [self])
    }
}

/// A producer that is only described: no streams run here.
final class FakeProducer: EventProducer {
    let description: ProducerDescription

    init(_ description: ProducerDescription) {
        self.description = description
    }

    struct Parameters: ResolvedParameters {
        let canonical: String

        func text(of name: String) -> String? {
            name == "n" && canonical.hasPrefix("n=") ? String(canonical.dropFirst(2)) : nil
        }
    }

    func resolve(
        path: [StreamRequest.Field], query: [StreamRequest.Field]
    ) throws(ParameterFault) -> any ResolvedParameters {
        guard description.name == "number" else { return Parameters(canonical: "") }
        let value = query.first { $0.name == "n" }?.value
        guard let value, Int(value) != nil else {
            throw ParameterFault(parameter: "n", value: value, expected: "a whole number")
        }
        return Parameters(canonical: "n=\(value)")
    }

    func open(
        _ stream: StreamToken, _ request: StreamRequest, state: inout ProducerState
    ) -> OpenOutcome { .ended() }

    func pull(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome { .ended }

    func close(_ stream: StreamToken, state: ProducerState, reason: CloseReason) -> Bool { true }

    func interrupt(_ stream: StreamToken, state: ProducerState) {}
}
