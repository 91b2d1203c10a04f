import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

/// The parts of a request that are kept, for how long, and their total size.
@Suite("Kept requests", .timeLimit(.minutes(5)))
struct KeptRequestTests {
    private func request(bodyBytes: Int) -> StreamRequest {
        StreamRequest(
            method: bodyBytes > 0 ? "POST" : "GET", path: "/fake", query: [.init("a", "b")],
            headers: [.init("Host", "test")], remoteAddress: "192.0.2.7", lastEventID: nil,
            body: [UInt8](repeating: 0x78, count: bodyBytes), parameters: NoParameters())
    }

    private func open(
        _ stage: Stage, _ entry: ProducerEntry, bodyBytes: Int, identity: ClientIdentity? = nil
    ) throws -> Visitor {
        var request = request(bodyBytes: bodyBytes)
        request.identity = identity
        let visitor = try stage.open(entry, request)
        stage.turn()
        return visitor
    }

    @Test("those of resumable streams are counted as long as the streams exist; no others are kept")
    func counted() throws {
        let stage = Stage()
        let plain = try open(stage, stage.entry(FakeProducer()), bodyBytes: 1000)
        #expect(stage.runtime.figures().streams.keptRequestBytes == 0)
        let entry = stage.entry(FakeProducer(isResumable: true))
        let small = try open(stage, entry, bodyBytes: 0)
        let head = stage.runtime.figures().streams.keptRequestBytes
        #expect((50...200).contains(head))
        let large = try open(stage, entry, bodyBytes: 1000)
        #expect(
            stage.runtime.figures().streams.keptRequestBytes == 2 * head + 1001, "POST is one letter longer than GET")
        for visitor in [small, large, plain] {
            visitor.leave()
            stage.turn()
        }
        #expect(stage.runtime.figures().streams.keptRequestBytes == 0 && stage.isIdle)
    }

    @Test("who asks is kept with the request, and counted")
    func identity() throws {
        let large = ClientIdentity(
            subject: "ann", claims: ["role": "é", "": "{}", "text": String(repeating: "x", count: 900)])
        for identity in [nil, ClientIdentity(subject: ""), ClientIdentity(subject: "", claims: ["a": ""]), large] {
            var request = request(bodyBytes: 3)
            request.identity = identity
            let unpacked = KeptRequest(request).unpacked
            #expect(unpacked.identity == identity && unpacked.body == request.body)
        }
        var limits = Limits()
        limits.maxKeptRequestBytes = 1500
        let stage = Stage(limits)
        let entry = stage.entry(FakeProducer(isResumable: true))
        var visitors = [try open(stage, entry, bodyBytes: 0)]
        let head = stage.runtime.figures().streams.keptRequestBytes
        visitors.append(try open(stage, entry, bodyBytes: 0, identity: large))
        let kept = stage.runtime.figures().streams.keptRequestBytes
        #expect((900...1000).contains(kept - 2 * head))
        #expect(throws: Overload(limit: "max-kept-request-bytes")) {
            try open(stage, entry, bodyBytes: 0, identity: large)
        }
        for visitor in visitors {
            visitor.leave()
            stage.turn()
        }
        #expect(stage.runtime.figures().streams.keptRequestBytes == 0 && stage.isIdle)
    }

    @Test("a request for which there is no room is refused, and holds nothing")
    func limited() throws {
        var limits = Limits()
        limits.maxKeptRequestBytes = 2000
        let stage = Stage(limits)
        let generation = Generation(plugin: "fakes", number: 1)
        let entry = stage.entry(FakeProducer(isResumable: true), generation)
        let first = try open(stage, entry, bodyBytes: 1500)
        let kept = stage.runtime.figures().streams.keptRequestBytes
        #expect(throws: Overload(limit: "max-kept-request-bytes")) { try open(stage, entry, bodyBytes: 1500) }
        #expect(
            stage.runtime.figures().streams.keptRequestBytes == kept
                && stage.runtime.figures().streams.refusedRequests == 1)
        #expect(stage.runtime.figures().streams.open == 1 && generation.liveStreams == 1)
        let small = try open(stage, entry, bodyBytes: 0)
        let other = try open(stage, stage.entry(FakeProducer()), bodyBytes: 100_000)
        limits.maxKeptRequestBytes = 4000
        stage.runtime.replaceLimits(limits)
        let second = try open(stage, entry, bodyBytes: 1500)
        for visitor in [first, small, other, second] {
            visitor.leave()
            stage.turn()
        }
        #expect(stage.runtime.figures().streams.keptRequestBytes == 0 && stage.isIdle)
    }

    @Test("a stream that is rejected, or continues in another generation, is counted once and freed once")
    func handedOver() throws {
        let stage = Stage()
        _ = try open(stage, stage.entry(FakeProducer(isResumable: true, opening: { _ in .ended() })), bodyBytes: 500)
        #expect(stage.runtime.figures().streams.keptRequestBytes == 0 && stage.isIdle)

        let images = FakeImages()
        let reloader = Reloader(runtime: stage.runtime, source: images, logger: stage.log.logger)
        defer { _ = reloader.retireAll(deadline: 0) }
        images["a.so"] = FakeImages.File(content: "1", plugin: "a", routes: ["/a"], isResumable: true)
        _ = try reloader.reload()
        let visitor = try open(stage, stage.runtime.route(for: "/a")!.entry, bodyBytes: 500)
        visitor.attach()
        stage.turn()
        let kept = stage.runtime.figures().streams.keptRequestBytes
        #expect(kept > 500)
        for content in ["2", "3"] {
            images["a.so"]?.content = content
            _ = try reloader.reload()
            stage.turn()
            #expect(images.producer("/a", content).only.request.body.count == 500)
            #expect(stage.runtime.figures().streams.keptRequestBytes == kept)
        }
        visitor.hangUp()
        stage.turn()
        #expect(stage.runtime.figures().streams.keptRequestBytes == 0 && stage.isIdle)
    }

    @Test("nothing holds the request of a stream that is not resumable once it is open", arguments: [true, false])
    func released(isNonblocking: Bool) async throws {
        let stage = ThreadStage()
        let producer = ForgetfulProducer(isNonblocking: isNonblocking)
        let (visitor, parameters) = try open(stage, producer)
        #expect(await eventually { !visitor.door.answers.isEmpty })
        visitor.attach()
        #expect(await visitor.receivesPreamble())
        // The code that opened it may be just about to release it.
        #expect(await eventually { parameters.isGone })
        #expect(producer.closes.load(ordering: .relaxed) == 0, "it is still open")
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(producer.closes.load(ordering: .relaxed) == 1)
    }

    private func open(_ stage: ThreadStage, _ producer: ForgetfulProducer) throws -> (RealVisitor, WeakParameters) {
        let parameters = TracedParameters()
        var request = request(bodyBytes: 1000)
        request.parameters = parameters
        let entry = ProducerEntry(producer: producer, generation: Generation(plugin: "fakes", number: 1))
        let door = FakeDoor()
        let token = try stage.runtime.open(RouteMatch(entry: entry, values: []), request, answering: door)
        return (RealVisitor(stage, token, door), WeakParameters(parameters))
    }
}

/// A part of a request that reports its own end.
private final class TracedParameters: ResolvedParameters {
    let canonical = ""
}

private final class WeakParameters: Sendable {
    private weak let parameters: TracedParameters?

    init(_ parameters: TracedParameters) { self.parameters = parameters }

    var isGone: Bool { parameters == nil }
}

/// A producer that opens, waits, and keeps nothing of the request.
private final class ForgetfulProducer: EventProducer {
    let description: ProducerDescription
    let closes = Atomic(0)

    init(isNonblocking: Bool) {
        description = ProducerDescription(
            plugin: "fakes", name: "forgetful", route: "/forgetful", isNonblocking: isNonblocking, acceptsBody: true)
    }

    func resolve(
        path: [StreamRequest.Field], query: [StreamRequest.Field]
    ) throws(ParameterFault) -> any ResolvedParameters { NoParameters() }

    func open(
        _ stream: StreamToken, _ request: StreamRequest, state: inout ProducerState
    ) -> OpenOutcome { .opened(headers: []) }

    func pull(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome { .wait(milliseconds: -1) }

    func close(_ stream: StreamToken, state: ProducerState, reason: CloseReason) -> Bool {
        closes.add(1, ordering: .relaxed)
        return true
    }

    func interrupt(_ stream: StreamToken, state: ProducerState) {}
}
