import EventStream
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Simulation of reloads", .timeLimit(.minutes(5)))
struct MigrationSimulationTests {
    @Test(
        "whenever a reload comes: nobody misses, repeats or reorders an event, and every stream that opened is closed once"
    )
    func simulate() {
        let simulation = MigrationSimulation(random: SeededRandom.fromEnvironment(test: "MigrationSimulation"))
        simulation.reload()
        // Chance decides how long it takes until everything has happened that can.
        var step = 0
        while step < 40_000 || step < 400_000 && !simulation.hasSeenEverything {
            simulation.step()
            step += 1
            if !simulation.violations.isEmpty {
                Issue.record("step \(step): \(simulation.violations)")
                return
            }
        }
        simulation.finish()
        #expect(simulation.violations == [])
        #expect(simulation.runtime.rowsInUse == 0 && simulation.runtime.figures().streams.open == 0)
        #expect(simulation.runtime.figures().streams.stuck == 0)
        #expect(simulation.systems.allSatisfy { $0.sockets.values.allSatisfy(\.isClosed) })
        for streams in simulation.runtime.loops {
            #expect(streams.chores.isEmpty && streams.chores.successorsOpening == 0 && streams.replicas.isEmpty)
            #expect(streams.moved.isEmpty && streams.loop.timers.earliest == .max)
        }
        #expect(simulation.generations.allSatisfy { $0.liveStreams == 0 && $0.isShutDown })
        for entry in simulation.entries.flatMap(\.values) {
            #expect(entry.ledger.open == 0)
            let producer = entry.producer as! FakeProducer
            #expect(producer.violations == [])
            let reasons = producer.streams.flatMap(\.closeReasons)
            #expect(entry.ledger.reasons == Dictionary(reasons.map { ($0, 1) }, uniquingKeysWith: +))
        }
        #expect(
            simulation.hasSeenEverything && simulation.closes[.shutdown] != nil,
            "\(simulation.migrations) \(simulation.refusals) \(simulation.received) \(simulation.closes)")
    }
}

extension MigrationSimulation {
    var hasSeenEverything: Bool {
        migrations > 300 && refusals > 100 && received > 5000 && closes[.failed, default: 0] > 20
            && Set(closes.keys).isSuperset(of: [.completed, .disconnected, .slow, .reloaded])
    }

    /// One random thing.
    func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<3: if actors.count < 60 { visit() }
        case 3..<40: turn()
        case 40..<44: pass(chance(1, in: 60) ? 31_000_000_000 : Int64.random(in: 1...300_000_000, using: &random))
        case 44: if chance(1, in: 12) { reload() }
        case 45: if chance(1, in: 40) { rollBack() }
        case 46:
            if chance(1, in: 20), let old = generations.indices.filter({ $0 != current }).randomElement(using: &random)
            {
                mayFarewell = true
                runtime.end(generations[old], .reloaded)
            }
        case 47..<70:
            let live = sources.filter {
                $0.value.isPending || $0.value.isOpen && $0.value.closeReason == nil || $0.value.isClosing
            }
            // In an order that a seed repeats.
            guard let (token, source) = live.sorted(by: { $0.key.raw < $1.key.raw }).randomElement(using: &random)
            else { return }
            if source.isPending {
                if chance(1, in: 3) { answer(token, source) }
            } else if source.isClosing {
                complete(token, source)
            } else {
                emit(token, source)
            }
        default: if let actor = actors.randomElement(using: &random) { act(on: actor) }
        }
    }

    private func visit() {
        let kind = Kind.allCases.randomElement(using: &random)!
        let generation = chance(1, in: 10) ? max(0, current - 1) : current
        let door = FakeDoor()
        var request = StreamRequest.plain
        request.path = "/\(kind.rawValue)"
        guard
            let token = try? runtime.open(
                RouteMatch(entry: entries[generation][kind]!, values: []), request, answering: door)
        else { return }
        actors.append(Actor(kind, token, door))
    }

    func turn() {
        for streams in runtime.loops { streams.loop.turn(waitingAtMost: 0) }
        guard chance(1, in: 20) else { return }
        actors.removeAll { actor in
            if let fault = fault(of: actor) { violate("\(actor.kind) \(actor.token): \(fault)") }
            if let descriptor = actor.descriptor { return systems[actor.token.loop].sockets[descriptor]!.isClosed }
            return actor.hasLeft || actor.sink.map { !$0.ends.isEmpty } ?? false
        }
    }

    private func pass(_ nanoseconds: Int64) {
        let end = time + nanoseconds
        while time < end {
            let next = runtime.loops.map { $0.loop.timers.earliest }.min()!
            let step = min(end, max(next, time + 1)) - time
            for system in systems { system.advance(nanoseconds: step) }
            for streams in runtime.loops { streams.loop.turn(waitingAtMost: 0) }
        }
    }

    private func act(on actor: Actor) {
        let system = systems[actor.token.loop]
        if let sink = actor.sink {
            if chance(1, in: 60), !actor.hasLeft {
                actor.hasLeft = true
                runtime.sinkClosed(actor.token)
            } else if sink.batches.count > actor.drained {
                actor.drained = sink.batches.count
                runtime.sinksDrained([actor.token])
            }
        } else if let descriptor = actor.descriptor {
            guard !system.sockets[descriptor]!.isClosed else { return }
            switch Int.random(in: 0..<60, using: &random) {
            case 0: system.hangUp(descriptor)
            case 1: if chance(1, in: 4) { system.breakSilently(descriptor) }
            case 2: system.halfClose(descriptor)
            // Readers of shared streams read all, so that none is overtaken.
            default:
                guard !actor.kind.isShared, actor.token.slot % 5 != 0 else { return }
                system.makeRoom(descriptor, Int.random(in: 1..<3000, using: &random))
            }
        } else if actor.door.answers.first == "stream" {
            if chance(1, in: 10) {
                actor.hasLeft = true
                runtime.leave(actor.token)
            } else if chance(1, in: 4) {
                actor.sink = FakeSink()
                runtime.attach(actor.token, to: .sink(actor.sink!), form: [.chunked, .reconnects])
            } else {
                actor.descriptor = system.makeSocket(room: actor.kind.isShared ? .max : 500)
                runtime.attach(
                    actor.token, to: .descriptor(actor.descriptor!), form: [.chunked, .reconnects])
            }
        } else if !actor.door.answers.isEmpty {
            actor.hasLeft = true
        } else if chance(1, in: 20) {
            actor.hasLeft = true
            runtime.leave(actor.token)
        }
    }

    /// What is wrong with the bytes that a subscriber got since it was last looked at.
    private func fault(of actor: Actor) -> String? {
        var bytes: [UInt8] = []
        if let descriptor = actor.descriptor { bytes = systems[actor.token.loop].takeSent(descriptor) }
        if let sink = actor.sink {
            bytes = Array(sink.batches.dropFirst(actor.batchesSeen).joined())
            actor.batchesSeen = sink.batches.count
        }
        for block in actor.chunks.feed(bytes).map(block(of:)) {
            actor.blocksSeen += 1
            guard let data = block.data else {
                if block.retryMilliseconds != nil, actor.blocksSeen > 1, !mayFarewell { return "was sent away" }
                continue
            }
            // Of a stream that failed and was not opened in the generation before either.
            if block.type == "stream-error", !bad.isEmpty { continue }
            if block.type == "sluice-open", actor.blocksSeen == 1 { continue }
            if block.type == "sluice-end" { continue }
            if block.type != nil { return "got \(block.type!)" }
            let parts = data.split(separator: " ").map(String.init)
            let number = Int(parts[0])!
            if let last = actor.lastNumber {
                if number != last + 1 { return "event \(number) of generation \(parts[1]) after \(last)" }
            } else if !actor.kind.isShared, number != 1 {
                return "began with event \(number)"
            }
            actor.lastNumber = number
            received += 1
        }
        return nil
    }

    /// Brings everything to its end.
    func finish() {
        mayFarewell = true
        runtime.end(nil, .shutdown)
        releaseAll()
        for _ in 0..<4 {
            pass(10_000_000)
            for (token, source) in sources {
                if source.isPending { answer(token, source) }
                if source.isClosing { complete(token, source) }
            }
            for actor in actors where actor.descriptor == nil && actor.sink == nil && !actor.hasLeft {
                actor.hasLeft = true
                runtime.leave(actor.token)
            }
        }
        pass(120_000_000_000)
        for (token, source) in sources where source.isClosing { complete(token, source) }
        pass(1_000_000)
        for actor in actors { if let fault = fault(of: actor) { violate("\(actor.kind) \(actor.token): \(fault)") } }
        for (token, source) in sources where source.isOpen && source.closeReason == nil {
            violate("\(token): opened, but never closed")
        }
    }
}
