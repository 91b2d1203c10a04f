import EventStream
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Simulation of reloads", .timeLimit(.minutes(5)))
struct MigrationSimulationTests {
    @Test(
        "whenever a reload comes: no event is missed, repeated or reordered, and every opened stream is closed once"
    )
    func simulate() {
        let simulation = MigrationSimulation(random: .fromEnvironment(test: "MigrationSimulation"))
        simulation.run(steps: 40_000, atMost: 400_000)
        #expect(simulation.generations.allSatisfy { $0.isShutDown })
        #expect(simulation.runtime.loops.allSatisfy { $0.chores.successorsOpening == 0 })
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

    func step() {
        switch number(0...99) {
        case 0..<3: if actors.count < 60 { visit() }
        case 3..<40: turn()
        case 40..<44: pass(chance(1, in: 60) ? 31_000_000_000 : number(1...300_000_000))
        case 44: if chance(1, in: 12) { reload() }
        case 45: if chance(1, in: 40) { rollBack() }
        case 46:
            if chance(1, in: 20), let old = generations.indices.filter({ $0 != current }).randomElement(using: &random)
            {
                mayFarewell = true
                runtime.end(generations[old], .reloaded)
            }
        case 47..<70:
            let live = orderedSides.filter {
                $0.value.isPending || $0.value.isOpen && $0.value.closeReason == nil || $0.value.isClosing
            }
            guard let (token, side) = live.randomElement(using: &random) else { return }
            if side.isPending {
                if chance(1, in: 3) { answer(token, side) }
            } else if side.isClosing {
                complete(token, side)
            } else {
                emit(token, side)
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
        request.remoteAddress = address()
        guard
            let token = try? runtime.open(
                RouteMatch(entry: entries[generation][kind]!, values: []), request, answering: door)
        else { return }
        actors.append(Actor(stage, kind, token, door))
    }

    func turn() {
        for streams in runtime.loops { streams.loop.turn(waitingAtMost: 0) }
        guard chance(1, in: 20) else { return }
        actors.removeAll { actor in
            if let fault = fault(of: actor) { violate("\(actor.kind) \(actor.token): \(fault)") }
            return actor.isClosed || actor.hasLeft && actor.descriptor < 0
        }
    }

    private func act(on actor: Actor) {
        let system = systems[actor.token.loop]
        if actor.sink != nil {
            if chance(1, in: 60), !actor.hasLeft {
                actor.closeSink()
            } else {
                actor.drainSink()
            }
        } else if case let descriptor = actor.descriptor, descriptor >= 0 {
            guard !system.sockets[descriptor]!.isClosed else { return }
            switch number(0...59) {
            case 0: system.hangUp(descriptor)
            case 1: if chance(1, in: 4) { system.breakSilently(descriptor) }
            case 2: system.halfClose(descriptor)
            // Readers of shared streams read everything, so that none is overtaken.
            default:
                guard !actor.kind.isShared, actor.token.slot % 5 != 0 else { return }
                system.makeRoom(descriptor, number(1...2999))
            }
        } else if actor.door.answers.first == "stream" {
            if chance(1, in: 10) {
                actor.leave()
            } else if chance(1, in: 4) {
                actor.attachSink()
            } else {
                actor.attach(room: actor.kind.isShared ? .max : 500)
            }
        } else if !actor.door.answers.isEmpty {
            actor.hasLeft = true
        } else if chance(1, in: 20) {
            actor.leave()
        }
    }

    /// The violation in the bytes that a subscriber received since the last check.
    private func fault(of actor: Actor) -> String? {
        var bytes: [UInt8] = []
        if actor.descriptor >= 0 { bytes = actor.system.takeSent(actor.descriptor) }
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
            // From a stream that failed, and was not opened in the previous generation either.
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

    func finish() {
        mayFarewell = true
        runtime.end(nil, .shutdown)
        releaseAll()
        for _ in 0..<4 {
            pass(10_000_000)
            for (token, side) in orderedSides {
                if side.isPending { answer(token, side) }
                if side.isClosing { complete(token, side) }
            }
            for actor in actors where !actor.isAttached && !actor.hasLeft { actor.leave() }
        }
        pass(120_000_000_000)
        for (token, side) in orderedSides where side.isClosing { complete(token, side) }
        pass(1_000_000)
        for actor in actors { if let fault = fault(of: actor) { violate("\(actor.kind) \(actor.token): \(fault)") } }
        for (token, side) in sides where side.isOpen && side.closeReason == nil {
            violate("\(token): opened, but never closed")
        }
    }
}
