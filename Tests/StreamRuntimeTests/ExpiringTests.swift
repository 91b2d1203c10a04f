import EventStream
import ProducerInterface
import Testing

@testable import StreamRuntime

@Suite("Streams whose client's token expires")
struct ExpiringTests {
    private func request(seconds: Int64?, parameters: String = "") -> StreamRequest {
        var request = StreamRequest.plain
        request.parameters = FakeParameters(canonical: parameters)
        request.identity = ClientIdentity(subject: "ann", claims: ["sub": "ann"])
        request.lifetime = seconds.map { $0 * 1_000_000_000 }
        return request
    }

    @Test("an exclusive stream ends then, with a time to reconnect; one without an end stays")
    func exclusive() throws {
        let stage = Stage()
        let producer = FakeProducer([.wait(-1).repeated()])
        let entry = stage.entry(producer)
        let expiring = try stage.subscribe(entry, request(seconds: 10))
        let staying = try stage.subscribe(entry, request(seconds: nil))
        let never = try stage.subscribe(entry, request(seconds: .max / 1_000_000_000))
        stage.pass(milliseconds: 9990)
        #expect(producer.streams.map(\.closeReasons) == [[], [], []])
        stage.pass(milliseconds: 20)
        #expect(producer.streams.map(\.closeReasons) == [[.expired], [], []])
        #expect(expiring.text.withoutFarewell != nil)
        stage.pass(milliseconds: 3_600_000)
        #expect(producer.streams.map(\.closeReasons) == [[.expired], [], []])
        for visitor in [expiring, staying, never] { visitor.hangUp() }
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("the earlier of token and age limit counts")
    func ageLimit() throws {
        var limits = Limits()
        limits.maxAge = 20_000_000_000
        let stage = Stage(limits)
        let producer = FakeProducer([.wait(-1).repeated()])
        let entry = stage.entry(producer)
        for seconds in [30, 10] as [Int64] { _ = try stage.subscribe(entry, request(seconds: seconds)) }
        stage.pass(milliseconds: 10_010)
        #expect(producer.streams.map(\.closeReasons) == [[], [.expired]])
        stage.pass(milliseconds: 10_000)
        #expect(producer.streams.map(\.closeReasons) == [[.expired], [.expired]])
    }

    @Test("time that its open takes counts")
    func slowOpen() throws {
        let stage = Stage()
        let producer = FakeProducer([.wait(-1).repeated()], opening: { _ in .pending })
        let visitor = try stage.open(stage.entry(producer), request(seconds: 10))
        stage.turn()
        stage.pass(milliseconds: 11_000)
        #expect(producer.only.closeReasons == [], "it is not open yet")
        #expect(stage.runtime.opened(producer.only.token, .opened(headers: [])))
        stage.turn()
        visitor.attach()
        stage.turn()
        stage.pass(milliseconds: 10)
        #expect(producer.only.closeReasons == [.expired])
        #expect(visitor.text.withoutFarewell != nil)
    }

    @Test("a subscriber of a shared stream leaves then; the stream stays, and knows nobody's identity")
    func shared() throws {
        let stage = HubStage(loops: 2)
        let producer = FakeProducer([.wait(-1).repeated()], isShared: true)
        let entry = stage.entry(producer)
        let expiring = try stage.join(entry, request(seconds: 10))
        let staying = try stage.join(entry, request(seconds: nil))
        #expect(producer.only.request.identity == nil && producer.only.request.lifetime == nil)
        stage.pass(milliseconds: 10_010)
        #expect(expiring.story == ["farewell"] && staying.story == [] && entry.leavesByReason == [.expired: 1])
        stage.emit(entry, data: "a")
        #expect(staying.story == ["1:a"] && producer.only.closeReasons == [])
    }

    @Test("a stream that continues in a new generation still ends then, and has the same identity")
    func migrating() throws {
        let stage = Stage()
        let (old, new) = (FakeProducer.counting("old"), FakeProducer.counting("new"))
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try stage.subscribe(first, request(seconds: 10))
        stage.pass(milliseconds: 25)
        first.replace(by: second, in: stage.runtime)
        stage.pass(milliseconds: 25)
        #expect(new.only.calls == ["open", "pull"])
        stage.pass(milliseconds: 9900)
        #expect(new.only.closeReasons == [])
        stage.pass(milliseconds: 100)
        #expect(old.only.closeReasons == [.reloaded] && new.only.closeReasons == [.expired])
        visitor.hangUp()
        stage.turn()
        #expect(stage.isIdle)
    }
}
