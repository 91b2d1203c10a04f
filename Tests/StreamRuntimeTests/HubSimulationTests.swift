import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Simulation of hubs", .timeLimit(.minutes(5)))
struct HubSimulationTests {
    @Test(
        "in whatever order things happen: no unreported hole or repeat, every stream closed once, nothing left",
        arguments: HubSettings.SlowPolicy.allCases)
    func simulate(_ policy: HubSettings.SlowPolicy) {
        let simulation = HubSimulation(random: .fromEnvironment(test: "HubSimulation \(policy)"), policy: policy)
        simulation.run(steps: 60_000, atMost: 600_000)
        #expect(simulation.closed.values.reduce(0, +) == simulation.opened && simulation.sides.isEmpty)
        #expect(
            simulation.hasSeenEverything,
            "\(simulation.opened) \(simulation.joined) \(simulation.gaps) \(simulation.ends) \(simulation.closed)")
    }
}

extension HubSimulation {
    var hasSeenEverything: Bool {
        opened > 50 && joined > 500 && gaps > 5 && ends > 5
            && Set(closed.keys).isSuperset(of: [.disconnected, .completed, .failed, .reloaded])
    }

    func step() {
        switch number(0...99) {
        case 0..<6: join()
        case 6..<40: turn()
        case 40..<43: stage.pass(milliseconds: chance(1, in: 30) ? number(1...20_000) : number(1...300))
        case 43: if chance(1, in: 60) { reload() }
        case 44: if chance(1, in: 60) { endOldGenerations() }
        case 45..<65: touchSource()
        default: if let actor = actors.randomElement(using: &random) { act(on: actor) }
        }
    }

    /// Turns one loop, or all in random order.
    private func turn() {
        if chance(1, in: 2) {
            stage.runtime.loops.randomElement(using: &random)!.loop.turn(waitingAtMost: 0)
        } else {
            for streams in stage.runtime.loops.shuffled(using: &random) { streams.loop.turn(waitingAtMost: 0) }
        }
        guard chance(1, in: 10) else { return }
        actors.removeAll { actor in
            let isOver = actor.isClosed || (actor.hasLeft && !actor.isAttached) || isRefused(actor)
            if isOver { check(actor) }
            return isOver
        }
    }

    private func isRefused(_ actor: Actor) -> Bool { actor.door.answers.contains { $0 != "stream" } }

    private func check(_ actor: Actor) {
        let blocks = blocks(of: actor.bytes)
        if let fault = fault(in: blocks, of: actor) {
            violate("\(actor.token) of \(actor.key) after \(actor.lastEventID ?? "-"): \(fault)")
        }
        let last = blocks.last.map(word(for:))
        if last == "end" || last == "error said" || last == "farewell" { ends += 1 }
    }

    private func join() {
        let key = "k\(number(0...5))"
        let entry = entries.last!
        var id: String?
        if chance(1, in: 2), let line = seen[key]?.suffix(chance(1, in: 4) ? 2000 : 60).randomElement(using: &random) {
            id = String(line.split(separator: " ")[0])
        }
        if chance(1, in: 20) { id = "00000000000e-\(number(0...9))" }
        let history = chance(1, in: 4) ? "\(number(0...40))" : nil
        do throws(Overload) {
            let visitor = try stage.ask(
                entry, parameters: key, history: history, lastEventID: id, from: address())
            actors.append(Actor(visitor, key: key, lastEventID: id))
            joined += 1
        } catch {
            let expected = ["max-streams", "max-hubs-per-producer", "max-streams-per-address"]
            if !expected.contains(error.limit) { violate("refused: \(error.limit)") }
        }
    }

    private func endOldGenerations() {
        for entry in entries.dropLast() { stage.runtime.end(entry.generation, .reloaded) }
    }

    private func touchSource() {
        guard let chosen = sides.keys.sorted(by: { $0.raw < $1.raw }).randomElement(using: &random) else { return }
        switch sides[chosen]!.state {
        case .opening: if chance(1, in: 4) { answer(chosen) }
        case .closing: if chance(1, in: 4) { complete(chosen) }
        case .open: if sides[chosen]!.isEmitting { emit(chosen) } else { stage.runtime.wake(chosen) }
        }
    }

    private func act(on actor: Actor) {
        guard actor.isAttached else {
            guard !actor.hasLeft else { return }
            if actor.door.answers == ["stream"], chance(2, in: 3) {
                if chance(1, in: 5) {
                    actor.attachSink()
                } else {
                    actor.attach(room: chance(1, in: 3) ? number(0...300) : 1 << 40)
                }
            } else if chance(1, in: 6) {
                actor.leave()
            }
            return
        }
        guard !actor.isClosed else { return }
        if actor.sink != nil {
            if chance(1, in: 60) {
                actor.closeSink()
                actors.removeAll { $0 === actor }
            } else {
                actor.drainSink()
            }
            return
        }
        switch number(0...59) {
        case 0: actor.system.hangUp(actor.descriptor)
        case 1: actor.system.breakSilently(actor.descriptor)
        default: actor.read(chance(1, in: 3) ? number(1...20) : number(1...600))
        }
    }

    func finish() {
        stage.runtime.end(nil, .shutdown)
        entries.last!.generation.retire()
        for _ in 0..<4 {
            stage.turn()
            for token in sides.keys.sorted(by: { $0.raw < $1.raw }) {
                switch sides[token]!.state {
                case .opening: answer(token)
                case .closing: complete(token)
                case .open: break
                }
            }
            for actor in actors where !actor.isAttached && !actor.hasLeft { actor.leave() }
        }
        stage.pass(milliseconds: 120_000)
        for token in sides.keys.sorted(by: { $0.raw < $1.raw }) where sides[token]!.state == .closing {
            complete(token)
        }
        stage.turn()
        for actor in actors { check(actor) }
    }
}
