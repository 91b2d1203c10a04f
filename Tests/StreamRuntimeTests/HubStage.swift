import EventStream
import ProducerInterface
import StreamLoop
import TestSupport

@testable import StreamRuntime

/// A runtime with several loops on virtual time, for shared streams. The first request goes to loop 0, the next to loop
/// 1, and so on.
final class HubStage {
    let systems: [VirtualSystem]
    let log = FakeLog()
    let runtime: Runtime

    init(_ limits: Limits = Limits(), loops: Int = 1) {
        systems = (0..<loops).map { _ in VirtualSystem() }
        runtime = Runtime(systems: systems, limits: limits, logger: log.logger)
    }

    /// The hubs keep their events in the test's own histories.
    init(_ limits: Limits = Limits(), loops: Int = 1, history: @escaping HistoryMaking) {
        systems = (0..<loops).map { _ in VirtualSystem() }
        runtime = Runtime(systems: systems, limits: limits, logger: log.logger, history: history)
    }

    // Posted work that never ran would keep the loop, and itself, alive.
    deinit { turn() }

    func entry(_ producer: FakeProducer, generation: Int = 1) -> ProducerEntry {
        ProducerEntry(producer: producer, generation: Generation(plugin: "fakes", number: generation))
    }

    /// A request.
    func ask(
        _ entry: ProducerEntry, parameters: String = "", history: String? = nil, lastEventID: String? = nil,
        from address: String = "192.0.2.7"
    ) throws(Overload) -> HubVisitor {
        let request = StreamRequest(
            method: "GET", path: "/fake", query: history.map { [.init("history", $0)] } ?? [], headers: [],
            remoteAddress: address, lastEventID: lastEventID, body: [],
            parameters: FakeParameters(canonical: parameters))
        return try ask(entry, request)
    }

    func ask(_ entry: ProducerEntry, _ request: StreamRequest) throws(Overload) -> HubVisitor {
        let door = FakeDoor()
        let token = try runtime.open(RouteMatch(entry: entry, values: []), request, answering: door)
        return HubVisitor(self, token, door)
    }

    /// A subscriber with its connection, which has sent this request.
    func join(_ entry: ProducerEntry, _ request: StreamRequest) throws(Overload) -> HubVisitor {
        let door = FakeDoor()
        let token = try runtime.open(RouteMatch(entry: entry, values: []), request, answering: door)
        let visitor = HubVisitor(self, token, door)
        turn()
        visitor.attach(room: .max, form: [.chunked, .reconnects])
        turn()
        return visitor
    }

    /// A subscriber with its connection.
    func join(
        _ entry: ProducerEntry, parameters: String = "", history: String? = nil, lastEventID: String? = nil,
        room: Int = .max, form: ResponseForm = [.chunked, .reconnects]
    ) throws(Overload) -> HubVisitor {
        let visitor = try ask(entry, parameters: parameters, history: history, lastEventID: lastEventID)
        turn()
        visitor.attach(room: room, form: form)
        turn()
        return visitor
    }

    /// A subscriber with a sink that is ready for more.
    func join(
        _ entry: ProducerEntry, _ sink: FakeSink, form: ResponseForm = [.chunked, .reconnects]
    ) throws(Overload) -> HubVisitor {
        let visitor = try ask(entry)
        turn()
        visitor.attach(sink, form: form)
        turn()
        runtime.sinksDrained([visitor.token])
        turn()
        return visitor
    }

    /// Publishes through the stream that was opened last.
    @discardableResult
    func emit(_ entry: ProducerEntry, _ events: Event...) -> [EmitOutcome] { emit(entry, events) }

    @discardableResult
    func emit(_ entry: ProducerEntry, _ events: [Event]) -> [EmitOutcome] {
        let token = (entry.producer as! FakeProducer).streams.last!.token
        defer { turn() }
        return events.map { event in
            runtime.emit(token) { frames in (try? EventEncoder().encode(event, into: &frames)) != nil }
        }
    }

    @discardableResult
    func emit(_ entry: ProducerEntry, data: String...) -> [EmitOutcome] { emit(entry, data.map { Event(data: $0) }) }

    /// Publishes three events, while a subscriber reads little of them at a time.
    func emitThree(_ entry: ProducerEntry, to visitor: HubVisitor) {
        emit(entry, data: "first", "second")
        visitor.read(11)
        turn()
        emit(entry, data: "third")
        visitor.read(23)
        turn()
        visitor.read(1 << 20)
        turn()
    }

    func turn(_ times: Int = 8) {
        for _ in 0..<times { runtime.turn() }
    }

    func pass(milliseconds: Int64) {
        turn(2)
        pass(nanoseconds: milliseconds * 1_000_000, turns: 2)
        turn()
    }

    /// Lets time pass on all loops equally, from timer to timer.
    /// - Parameter turns: the number of turns of each loop at each timer.
    func pass(nanoseconds: Int64, turns: Int) {
        let end = systems[0].time + nanoseconds
        while systems[0].time < end {
            let next = runtime.loops.map { $0.loop.timers.earliest }.min()!
            let step = min(end, max(next, systems[0].time + 1)) - systems[0].time
            for system in systems { system.advance(nanoseconds: step) }
            turn(turns)
        }
    }

    var hubCount: Int { runtime.loops[0].directory.count }
    /// Whether nothing is left: no record, place, thread, hub, replica, timer or socket.
    var isIdle: Bool {
        runtime.rowsInUse == 0 && runtime.figures().streams.open == 0 && runtime.figures().streams.threads == 0
            && runtime.counts.clients.streams.isEmpty && hubCount == 0
            && runtime.loops.allSatisfy { $0.replicas.isEmpty && $0.loop.timers.earliest == .max }
            && systems.allSatisfy { $0.sockets.values.allSatisfy(\.isClosed) }
    }
}

/// One subscriber of a shared stream: its request, its connection, and what it has received.
final class HubVisitor: VirtualSubscriber {
    let stage: HubStage

    init(_ stage: HubStage, _ token: StreamToken, _ door: FakeDoor) {
        self.stage = stage
        super.init(stage.runtime, stage.systems, token, door)
    }

    func attach(room: Int = .max, form: ResponseForm = [.chunked, .reconnects]) {
        connect(room: room)
        hand(form: form)
    }

    func attach(_ sink: FakeSink, form: ResponseForm = [.chunked, .reconnects]) { hand(sink, form: form) }

    /// The peer closes, even after the server's end.
    func hangUp() {
        guard !socket.isClosed else { return }
        system.hangUp(descriptor)
        stage.turn()
    }

    /// As `story(of:)`.
    var story: [String] { StreamRuntimeTests.story(of: socket.sent) }
    /// The ids of events, without that of its place at the beginning.
    var ids: [String] { blocks(of: socket.sent).dropFirst().compactMap(\.id) }
    /// All frames after the preamble.
    var text: String {
        var decoder = ChunkDecoder()
        return decoder.feed(socket.sent).dropFirst().map { String(decoding: $0, as: UTF8.self) }.joined()
    }
    /// The id that it received at the beginning.
    var anchor: String? { blocks(of: socket.sent).first.flatMap { $0.type == "sluice-open" ? $0.id : nil } }
}

struct FakeParameters: ResolvedParameters {
    let canonical: String
}

/// Everything after the first line, which is the reconnection time and differs for each subscriber.
func behindRetry(_ bytes: [UInt8]) -> [UInt8] { Array(bytes.drop { $0 != 0x0A }) }

/// The contents of the chunks, without the reconnection time.
func unchunked(_ bytes: [UInt8]) -> [UInt8] {
    var decoder = ChunkDecoder()
    return behindRetry(Array(decoder.feed(bytes).joined()))
}

/// Everything complete that a subscriber received in chunks: events, comments, reconnection times.
func blocks(of bytes: [UInt8]) -> [Event] {
    var decoder = ChunkDecoder()
    return decoder.feed(bytes).map(block(of:))
}

/// The content of a frame, which can be only a part of a block.
func block(of frame: [UInt8]) -> Event {
    var parser = EventParser(reporting: .blocks)
    return (parser.feed(frame) + parser.feed([0x0A])).first ?? Event()
}

/// One word for each frame after the preamble: "3:data" for an event with a host's ID, "[id]:data" for one with
/// another, "-:data" without; "gap", "end", "error …", "farewell", "keep-alive", "comment …", "[id]" alone. An
/// incomplete frame is left out.
func story(of bytes: [UInt8]) -> [String] {
    blocks(of: bytes).dropFirst().map(word(for:))
}

/// One block's word in the story.
func word(for block: Event) -> String {
    if block.type == "sluice-gap" { return "gap " + hostIDsShortened(block.data!) }
    if block.type == "stream-error" { return "error \(block.data!)" }
    if block.id == EventID.finished { return "end" }
    var id = block.id.map { "[\($0)]" } ?? "-"
    if let whole = block.id, HubNumbering.isHostMade(whole) { id = String(whole.split(separator: "-")[1]) }
    if let data = block.data { return "\(id):\(data)" }
    if block.id != nil { return id }
    if block.retryMilliseconds != nil { return "farewell" }
    if let comment = block.comment { return comment.isEmpty ? "keep-alive" : "comment \(comment)" }
    return "nothing"
}

/// {"oldest":"0123456789ab-7","lost":3} as "7 lost 3", {"oldest":null} as "null".
private func hostIDsShortened(_ json: String) -> String {
    var text = json.dropFirst("{\"oldest\":".count).dropLast()
    var lost = ""
    if let at = text.firstRange(of: ",\"lost\":") {
        lost = " lost \(text[at.upperBound...])"
        text = text[..<at.lowerBound]
    }
    let id = text.filter { $0 != "\"" }
    return (HubNumbering.isHostMade(String(id)) ? String(id.split(separator: "-")[1]) : String(id)) + lost
}

extension Limits {
    /// Limits with settings for all hubs.
    static func hubs(_ change: (inout HubSettings) -> Void) -> Limits {
        var limits = Limits()
        change(&limits.hub)
        return limits
    }
}
