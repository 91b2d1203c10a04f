import Logging
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import FrontDoor
@testable import StreamRuntime

/// The front door with the real runtime, in both ways from a stream to its subscriber.
@Suite("Streams from end to end", .timeLimit(.minutes(3)))
struct WholeStreamTests {
    private func serve(
        handingOver: Bool, _ producer: CountingProducer, _ body: (Server, Int, Runtime) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let runtime = Runtime(systems: [EpollSystem(), EpollSystem()], limits: Limits(), logger: logger)
        try #require(runtime.start())
        defer { for streams in runtime.loops { streams.loop.post { streams.loop.stop() } } }
        let generation = Generation(plugin: "counting", number: 1)
        runtime.replaceRoutes(RouteTable([ProducerEntry(producer: producer, generation: generation)]))
        var settings = ServerSettings()
        settings.listeners = [.anyHost("127.0.0.1", 0)]
        settings.allowsHandOver = handingOver
        // Small, so that a slow reader has an effect at once.
        settings.sendBufferBytes = 16 * 1024
        let server = Server(settings, opener: runtime, logger: logger)
        let addresses = try await server.start()
        do {
            try await body(server, addresses[0].number, runtime)
        } catch {
            Issue.record(error)
        }
        await server.stop(within: .seconds(10))
        #expect(await eventually { runtime.figures().streams.open == 0 })
        #expect(producer.ledger.reasons.count == producer.ledger.opens)
    }

    @Test(
        "Every event arrives, in order, in both ways, even at a reader that starts late",
        arguments: [true, false])
    func complete(handingOver: Bool) async throws {
        let count = 50_000
        let producer = CountingProducer("count", count: count, ends: true)
        try await serve(handingOver: handingOver, producer) { _, port, runtime in
            let late = try RawClient(port: port, receiveBufferBytes: 4096)
            try late.send(get("/count"))
            let prompt = try RawClient(port: port)
            try prompt.send(get("/count"))
            for client in [prompt, late] {
                let subscriber = TestSubscriber(on: client)
                let events = try subscriber.rest(within: .seconds(30)).filter { $0.type == nil }.compactMap(\.data)
                #expect(subscriber.isComplete)
                #expect(events.count == count)
                #expect(events.elementsEqual((0..<count).map(String.init)))
            }
            #expect(await eventually { producer.ledger.reasons == [.completed, .completed] })
        }
    }

    @Test("A subscriber that disconnects closes its stream, once", arguments: [true, false])
    func leaving(handingOver: Bool) async throws {
        var random = SeededRandom.fromEnvironment(test: "subscribers that leave")
        let producer = CountingProducer("count", count: 3, ends: false)
        try await serve(handingOver: handingOver, producer) { server, port, runtime in
            for round in 0..<300 {
                let client = try RawClient(port: port)
                try client.send(get("/count"))
                if Bool.random(using: &random) { _ = try client.read(through: "data: 2\n\n") }
                (Bool.random(using: &random) ? PeerLeavingTests.Leaving.close : .reset).act(client)
                if round % 50 == 0 { #expect(await eventually { runtime.figures().streams.open == 0 }) }
            }
            #expect(await eventually { runtime.figures().streams.open == 0 && server.connectionCount == 0 })
            #expect(await eventually { producer.ledger.reasons.count == producer.ledger.opens })
            #expect(producer.ledger.reasons.allSatisfy { $0 == .disconnected })
            #expect(producer.ledger.opens > 100)
        }
    }

    @Test("Shutdown ends a stream's response, and its connection", arguments: [true, false])
    func shutdown(handingOver: Bool) async throws {
        let producer = CountingProducer("count", count: 1, ends: false)
        try await serve(handingOver: handingOver, producer) { server, port, runtime in
            let client = try RawClient(port: port)
            try client.send(get("/count"))
            _ = try client.read(through: "data: 0\n\n")
            await server.stopAccepting()
            runtime.end(nil, .shutdown)
            _ = try client.readToEnd()
            #expect(await eventually { producer.ledger.reasons == [.shutdown] })
        }
    }
}
