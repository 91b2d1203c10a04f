import EventStream
import ProducerInterface
import StreamLoop

@testable import StreamRuntime

/// A runtime with one loop on virtual time, and subscribers that the test drives.
final class Stage {
    let system = VirtualSystem()
    let log = FakeLog()
    let runtime: Runtime

    init(_ limits: Limits = Limits()) {
        runtime = Runtime(systems: [system], limits: limits, logger: log.logger)
    }

    // Posted work that never ran would keep the loop, and itself, alive.
    deinit { turn() }

    var streams: LoopStreams { runtime.loops[0] }

    /// Requests a stream.
    func open(_ match: RouteMatch, _ request: StreamRequest = .plain) throws(Overload) -> Visitor {
        let door = FakeDoor()
        return Visitor(self, try runtime.open(match, request, answering: door), door)
    }

    func open(_ entry: ProducerEntry, _ request: StreamRequest = .plain) throws(Overload) -> Visitor {
        try open(RouteMatch(entry: entry, values: []), request)
    }

    func open(_ producer: FakeProducer) throws(Overload) -> Visitor { try open(entry(producer)) }

    /// Opens a stream with its connection.
    func subscribe(
        _ match: RouteMatch, _ request: StreamRequest = .plain, room: Int = .max, head: String = "",
        form: ResponseForm = .reconnects
    ) throws(Overload) -> Visitor {
        let visitor = try open(match, request)
        turn()
        visitor.attach(room: room, head: head, form: form)
        turn()
        return visitor
    }

    func subscribe(
        _ entry: ProducerEntry, _ request: StreamRequest = .plain, room: Int = .max, form: ResponseForm = .reconnects
    ) throws(Overload) -> Visitor {
        try subscribe(RouteMatch(entry: entry, values: []), request, room: room, form: form)
    }

    func subscribe(
        _ producer: FakeProducer, room: Int = .max, head: String = "", form: ResponseForm = .reconnects
    ) throws(Overload) -> Visitor {
        try subscribe(RouteMatch(entry: entry(producer), values: []), room: room, head: head, form: form)
    }

    func entry(_ producer: FakeProducer, _ generation: Generation = Generation(plugin: "fakes", number: 1))
        -> ProducerEntry
    {
        ProducerEntry(producer: producer, generation: generation)
    }

    /// Turns until nothing more can happen without time passing.
    func turn(_ times: Int = 8) {
        for _ in 0..<times { runtime.turn() }
    }

    /// Lets time pass, from timer to timer.
    func pass(milliseconds: Int64) {
        let end = system.time + milliseconds * 1_000_000
        while system.time < end { runtime.turn(waitingAtMost: end - system.time) }
        turn()
    }

    /// Whether nothing is left: no record, no place, no thread.
    var isIdle: Bool {
        runtime.rowsInUse == 0 && runtime.figures().streams.open == 0 && runtime.figures().streams.threads == 0
            && runtime.counts.clients.streams.isEmpty
    }
    var openSockets: Int { system.sockets.values.count { !$0.isClosed } }
}

/// One subscriber: its request, its connection, and what it has received.
final class Visitor: VirtualSubscriber {
    let stage: Stage

    init(_ stage: Stage, _ token: StreamToken, _ door: FakeDoor) {
        self.stage = stage
        super.init(stage.runtime, [stage.system], token, door)
    }

    /// - Parameter form: without chunks, so that what was sent can be compared with the frames themselves.
    func attach(room: Int = .max, head: String = "", form: ResponseForm = .reconnects) {
        connect(room: room)
        hand(head: head, form: form)
    }

    func hangUp(timedOut: Bool = false) { system.hangUp(descriptor, timedOut: timedOut) }

    /// Everything that was sent, except the preamble (the reconnection time, and a comment).
    var text: String { String(decoding: socket.sent, as: UTF8.self).withoutPreamble }
    var slot: UInt32? { stage.streams.slot(token) }
}

extension String {
    /// The text after the first frame, which tells a hub's subscriber its place.
    var withoutPreamble: String {
        guard hasPrefix("retry: "), let end = firstRange(of: ": sluice\n") else { return self }
        let rest = self[end.upperBound...]
        guard rest.hasPrefix("event: sluice-open\n"), let anchor = rest.firstRange(of: "\n\n") else {
            return String(rest)
        }
        return String(rest[anchor.upperBound...])
    }

    /// The text without its last frame, if that is a farewell: "retry: …".
    var withoutFarewell: String? {
        guard hasSuffix("\n") else { return nil }
        let lines = dropLast(1).split(separator: "\n", omittingEmptySubsequences: false)
        guard let last = lines.last, last.hasPrefix("retry: ") else { return nil }
        return String(dropLast(last.count + 1))
    }
}

extension StreamRequest {
    static let plain = StreamRequest(
        method: "GET", path: "/fake", query: [], headers: [], remoteAddress: "192.0.2.7", lastEventID: nil, body: [],
        parameters: NoParameters())
}

extension Stage {
    func emit(_ visitor: Visitor, _ data: String) -> EmitOutcome {
        runtime.emit(visitor.token) { frames in
            (try? EventEncoder().encode(Event(data: data), into: &frames)) != nil
        }
    }
}
