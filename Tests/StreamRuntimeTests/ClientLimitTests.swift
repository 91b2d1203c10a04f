import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Limits by client", .timeLimit(.minutes(5)))
struct ClientLimitTests {
    private static func limits(perAddress: Int = 0, perIdentity: Int = 0) -> Limits {
        var limits = Limits()
        limits.stallLimit = .max
        (limits.maxStreamsPerAddress, limits.maxStreamsPerIdentity) = (perAddress, perIdentity)
        return limits
    }

    private static let exceeded = Overload(limit: "max-streams-per-address", .client(wait: nil))

    private func request(_ address: String, _ subject: String? = nil) -> StreamRequest {
        var request = StreamRequest.plain
        request.remoteAddress = address
        request.identity = subject.map { ClientIdentity(subject: $0) }
        return request
    }

    /// How many streams of clients are counted.
    private func counted(_ runtime: Runtime) -> Int { runtime.counts.clients.streams.values.reduce(0, +) }

    // MARK: Exclusive streams

    @Test("every kind of end gives the place back, also of a stream that never opened")
    func ends() throws {
        let stage = Stage(Self.limits(perAddress: 1))
        let ways: [(FakeProducer, (Visitor) -> Void)] = [
            (FakeProducer(opening: { _ in .ended() }), { _ in }),
            (FakeProducer(opening: { _ in .failed(log: "") }), { _ in }),
            (FakeProducer(opening: { _ in .rejected(status: 404, message: "no") }), { _ in }),
            (
                FakeProducer(opening: { _ in .pending }),
                { visitor in
                    visitor.leave()
                    _ = stage.runtime.opened(visitor.token, .opened(headers: []))
                }
            ),
            (FakeProducer(), { $0.leave() }), (FakeProducer([.end]), { $0.attach() }),
            (FakeProducer([.fail("")]), { $0.attach() }),
            (
                FakeProducer(),
                { visitor in
                    visitor.attach()
                    stage.turn()
                    visitor.hangUp()
                }
            ),
            (
                FakeProducer(closing: { _, _ in false }),
                { visitor in
                    visitor.leave()
                    stage.turn()
                    #expect(counted(stage.runtime) == 1, "its close has not been answered")
                    #expect(stage.runtime.closed(visitor.token))
                }
            ),
        ]
        for (index, (producer, way)) in ways.enumerated() {
            let visitor = try stage.open(producer)
            #expect(counted(stage.runtime) == 1, "way \(index)")
            #expect(throws: Self.exceeded) { try stage.open(FakeProducer()) }
            stage.turn()
            way(visitor)
            stage.turn()
            #expect(counted(stage.runtime) == 0, "way \(index)")
        }
        #expect(stage.runtime.figures().streams.refusedByLimit == ["max-streams-per-address": ways.count])
        let last = try stage.open(FakeProducer())
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(last.door.answers == ["unavailable"] && counted(stage.runtime) == 0)
    }

    @Test("one client's limit leaves the others alone, whether its address or its identity has reached it")
    func others() throws {
        let stage = Stage(Self.limits(perAddress: 2, perIdentity: 1))
        let entry = stage.entry(FakeProducer())
        let first = try stage.subscribe(entry, request("2001:db8::1", "a"))
        #expect(throws: Overload(limit: "max-streams-per-identity", .client(wait: nil))) {
            try stage.open(entry, request("192.0.2.1", "a"))
        }
        let second = try stage.subscribe(entry, request("2001:db8::2"))
        #expect(throws: Self.exceeded) { try stage.open(entry, request("2001:db8::3", "b")) }
        let other = try stage.subscribe(entry, request("192.0.2.1", "b"))
        #expect(stage.runtime.figures().streams.open == 3 && counted(stage.runtime) == 5)
        first.hangUp()
        stage.turn()
        let again = try stage.subscribe(entry, request("2001:db8::9", "a"))
        for visitor in [second, other, again] { visitor.hangUp() }
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("what another limit refuses gives the client's place back")
    func refused() throws {
        var limits = Self.limits(perAddress: 5)
        (limits.maxStreams, limits.maxThreads) = (1, 0)
        let stage = Stage(limits)
        #expect(throws: Overload(limit: "max-threads")) { try stage.open(FakeProducer(isNonblocking: false)) }
        #expect(stage.isIdle)
        let visitor = try stage.open(FakeProducer())
        #expect(throws: Overload(limit: "max-streams")) { try stage.open(FakeProducer()) }
        #expect(counted(stage.runtime) == 1)
        visitor.leave()
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("a limit that is set later counts the streams that open from then on; one that is gone is given back to")
    func changing() throws {
        let stage = Stage()
        let entry = stage.entry(FakeProducer())
        let before = try stage.subscribe(entry)
        stage.runtime.replaceLimits(Self.limits(perAddress: 1))
        #expect(counted(stage.runtime) == 0)
        let counted = try stage.subscribe(entry)
        #expect(throws: Self.exceeded) { try stage.open(entry) }
        before.hangUp()
        stage.turn()
        #expect(throws: Self.exceeded) { try stage.open(entry) }
        stage.runtime.replaceLimits(Limits())
        let after = try stage.subscribe(entry)
        #expect(self.counted(stage.runtime) == 1)
        counted.hangUp()
        stage.turn()
        #expect(self.counted(stage.runtime) == 0)
        stage.runtime.replaceLimits(Self.limits(perAddress: 1))
        let last = try stage.subscribe(entry)
        for visitor in [after, last] { visitor.hangUp() }
        stage.turn()
        #expect(stage.isIdle)
    }

    @Test("a client opens so many streams per second; a request that a reload overtakes is one of them")
    func rate() throws {
        var limits = Limits()
        limits.maxOpensPerAddress = 2
        let stage = Stage(limits)
        let (old, new) = (stage.entry(FakeProducer()), ProducerEntry(FakeProducer(), generation: 2))
        stage.runtime.replaceRoutes(RouteTable([new]))
        old.generation.retire()
        let visitors = [try stage.open(old), try stage.open(old)]
        #expect(throws: Overload(limit: "max-opens-per-address", .client(wait: 500_000_000))) { try stage.open(new) }
        _ = try stage.open(new, request("192.0.2.99"))
        stage.pass(milliseconds: 500)
        let third = try stage.open(new)
        #expect(throws: Overload.self) { try stage.open(new) }
        stage.turn()
        for visitor in visitors + [third] { #expect(visitor.door.answers == ["stream"]) }
        stage.pass(milliseconds: 2000)
        stage.runtime.forgetIdleClients(at: stage.system.time)
        #expect(stage.runtime.counts.clients.bucketCount == 0)
    }

    // MARK: Reloads

    @Test("a stream that moves to a newer generation has one place, until the last of both has ended")
    func migrating() throws {
        for isAccepted in [true, false] {
            let stage = Stage(Self.limits(perAddress: 1))
            let old = FakeProducer.counting("old", wait: -1, closing: { _, _ in false })
            let new = FakeProducer.counting(
                "new", wait: -1, opening: { _ in isAccepted ? .opened(headers: []) : .failed(log: "no") })
            let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
            let visitor = try stage.subscribe(first)
            first.replace(by: second, in: stage.runtime)
            stage.turn()
            #expect(new.streams.count == 1 && stage.runtime.figures().streams.open == (isAccepted ? 2 : 1))
            #expect(counted(stage.runtime) == 1)
            #expect(throws: Self.exceeded) { try stage.open(second) }
            visitor.hangUp()
            stage.turn()
            #expect(counted(stage.runtime) == 1)
            #expect(stage.runtime.closed(old.only.token))
            stage.turn()
            #expect(stage.isIdle)
        }
    }

    @Test("so does a stream that falls back, whether its open or its first event has failed")
    func fallingBack() throws {
        for failsInOpen in [true, false] {
            let stage = Stage(Self.limits(perAddress: 1))
            let first = ProducerEntry(FakeProducer.counting("old", wait: -1), generation: 1)
            let bad = FakeProducer(
                [.fail("oh")], isResumable: true,
                opening: { _ in failsInOpen ? .failed(log: "no") : .opened(headers: []) })
            let second = ProducerEntry(
                producer: bad,
                generation: Generation(plugin: "fakes", number: 2, trial: Trial(failuresMax: 3, whenSettled: {})))
            second.setFallback(first)
            defer { second.setFallback(nil) }
            first.generation.hold()
            let visitor = try stage.subscribe(second)
            #expect(numbersAndMarks(of: visitor.text) == ["1 old"] && counted(stage.runtime) == 1)
            #expect(bad.streams.count == 1 && second.generation.liveStreams == 0)
            #expect(throws: Self.exceeded) { try stage.open(second) }
            visitor.hangUp()
            stage.turn()
            #expect(stage.isIdle)
        }
    }

    // MARK: Shared streams

    @Test("subscribers of a shared stream are counted, on whichever loop; its own stream belongs to no client")
    func shared() throws {
        let stage = HubStage(Self.limits(perAddress: 2), loops: 3)
        let producer = { FakeProducer(isShared: true, isResumable: true, hasNext: false) }
        let (old, new) = (stage.entry(producer()), stage.entry(producer(), generation: 2))
        var visitors = try (0..<6).map { try stage.ask(old, from: "192.0.2.\($0 % 3)") }
        #expect(counted(stage.runtime) == 6, "before they have joined")
        stage.turn()
        #expect(counted(stage.runtime) == 6 && stage.runtime.figures().streams.open == 7)
        #expect(throws: Self.exceeded) { try stage.ask(old, from: "192.0.2.0") }
        for visitor in visitors.suffix(3) { visitor.attach() }
        stage.turn()
        // A subscriber that moves to another entry has the same place.
        old.replace(by: new, in: stage.runtime)
        stage.turn()
        #expect(new.generation.liveStreams == 4 && counted(stage.runtime) == 6)
        for visitor in visitors.prefix(3) { visitor.leave() }
        stage.turn()
        #expect(counted(stage.runtime) == 3)
        visitors = visitors.suffix(3) + [try stage.join(new)]
        for visitor in visitors.prefix(2) { visitor.hangUp() }
        #expect(counted(stage.runtime) == 2)
        stage.runtime.end(nil, .shutdown)
        stage.pass(milliseconds: 10_000)
        #expect(stage.isIdle)
    }

    @Test("a subscriber that can't join gives its place back")
    func notJoined() throws {
        var limits = Self.limits(perAddress: 5)
        limits.maxHubsPerProducer = 1
        let stage = HubStage(limits)
        let rejecting = stage.entry(
            FakeProducer(isShared: true, opening: { _ in .rejected(status: 404, message: "no") }))
        let rejected = try stage.ask(rejecting)
        let faulty = try stage.ask(rejecting, history: "x")
        #expect(counted(stage.runtime) == 2)
        stage.turn()
        #expect(rejected.door.answers.count == 1 && faulty.door.answers.count == 1 && counted(stage.runtime) == 0)
        let entry = stage.entry(FakeProducer(isShared: true))
        let first = try stage.join(entry, parameters: "a")
        #expect(throws: Overload(limit: "max-hubs-per-producer")) { try stage.ask(entry, parameters: "b") }
        #expect(counted(stage.runtime) == 1)
        first.hangUp()
        stage.pass(milliseconds: 6000)
        #expect(stage.isIdle)
    }

    // MARK: Threads

    @Test("the streams of many threads, opened and left at the same time by four clients, leave nothing")
    func threads() async throws {
        let stage = ThreadStage(Self.limits(perAddress: 15, perIdentity: 10), loops: 3)
        let entry = stage.entry(FakeProducer.blocking([.wait(-1)]))
        var (refused, left) = (0, [StreamToken]())
        await withTaskGroup(of: (Int, [StreamToken]).self) { group in
            for client in 0..<4 {
                group.addTask {
                    var (refused, left) = (0, [StreamToken]())
                    for number in 0..<60 {
                        let request = request("192.0.2.\(client)", "\(client) \(number % 5)")
                        let door = FakeDoor()
                        do {
                            let token = try stage.runtime.open(
                                RouteMatch(entry: entry, values: []), request, answering: door)
                            if number % 3 > 0 { stage.runtime.leave(token) } else { left.append(token) }
                        } catch {
                            refused += 1
                        }
                    }
                    return (refused, left)
                }
            }
            for await (count, tokens) in group { (refused, left) = (refused + count, left + tokens) }
        }
        #expect(refused >= 4 * 5, "of 60, each leaves only 40")
        for (number, token) in left.enumerated() where number % 2 == 0 { stage.runtime.leave(token) }
        stage.runtime.end(nil, .shutdown)
        for (number, token) in left.enumerated() where number % 2 > 0 { stage.runtime.leave(token) }
        #expect(await stage.isIdle())
    }
}
