import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Simulation", .timeLimit(.minutes(5)))
struct SimulationTests {
    @Test(
        "in whatever order things happen, every stream is closed once, for the right reason; nothing is lost or left"
    )
    func simulate() {
        let simulation = Simulation(random: .fromEnvironment(test: "Simulation"))
        simulation.run(steps: 200_000, atMost: 1_000_000)
        #expect(
            simulation.hasSeenEverything && simulation.closes[.shutdown] != nil,
            "\(simulation.opened), \(simulation.finishedWhole), \(simulation.closes)")
    }
}

extension Simulation {
    var hasSeenEverything: Bool {
        opened > 2000 && finishedWhole > 500
            && Set(closes.keys).isSuperset(of: CloseReason.allCases.filter { $0 != .shutdown })
    }

    func step() {
        switch number(0...99) {
        case 0..<5: open()
        case 5..<45: turn()
        case 45..<47: pass(chance(1, in: 20) ? number(1...40_000_000_000) : number(1...300_000_000))
        case 47: if chance(1, in: 50) { reload() }
        case 48: if chance(1, in: 50) { endOldGenerations() }
        default:
            if let actor = order.randomElement(using: &random) { act(on: actor) }
        }
    }

    private func open() {
        let entry = entries.suffix(chance(1, in: 10) ? 6 : 3).randomElement(using: &random)!
        let door = FakeDoor()
        var request = StreamRequest.plain
        request.remoteAddress = address()
        do throws(Overload) {
            let token = try runtime.open(RouteMatch(entry: entry, values: []), request, answering: door)
            let actor = SimulatedStream(stage, token, door, entry)
            if actors.updateValue(actor, forKey: token) != nil { violate("\(token) was given out twice") }
            order.append(actor)
        } catch {
            let isExpected =
                ["max-streams", "max-streams-per-address"].contains(error.limit)
                || (error.limit == "reload" && entry.generation.isShutDown)
            if !isExpected { violate("refused: \(error.limit)") }
        }
    }

    func turn() {
        for streams in runtime.loops { streams.loop.turn(waitingAtMost: 0) }
        guard chance(1, in: 30) else { return }
        order.removeAll { actor in
            // It has ended when its record is gone.
            let isOver =
                !runtime.isLive(actor.token) && runtime.loops[actor.token.loop].slot(actor.token) == nil
            guard isOver || chance(1, in: 50) else { return false }
            if let fault = actor.fault() { violate("\(actor.token): \(fault)") }
            if let fake = actor.fake, !fake.violations.isEmpty { violate("\(fake.violations)") }
            guard isOver else { return false }
            if actor.isOpen, actor.closeReason == nil { violate("\(actor.token): over, but never closed") }
            if actor.isWhole { finishedWhole += 1 }
            actors[actor.token] = nil
            return true
        }
    }

    private func act(on actor: SimulatedStream) {
        let system = systems[actor.token.loop]
        if actor.isPending, chance(1, in: 5) { return answer(actor) }
        if actor.isClosing, chance(1, in: 5) { return complete(actor) }
        guard actor.isAttached else {
            if actor.door.answers == ["stream"], chance(2, in: 3) {
                attach(actor, system)
            } else if !actor.hasLeft, chance(1, in: 4) {
                actor.leave()
            }
            return
        }
        switch number(0...29) {
        case 0..<4: runtime.wake(actor.token)
        case 4..<10: emit(actor)
        case 10: _ = runtime.schedule(actor.token, afterNanoseconds: number(-1...3_000_000_000), .nothing)
        case 11..<13:
            _ = (runtime.isLive(actor.token), runtime.producer(of: actor.token), runtime.isCancelled(actor.token))
        default: if actor.sink != nil { playSink(actor) } else { play(actor, system, actor.descriptor) }
        }
    }

    private func attach(_ actor: SimulatedStream, _ system: VirtualSystem) {
        guard !actor.hasLeft else { return }
        actor.lastProgress = time
        if chance(1, in: 4) {
            actor.attachSink()
        } else {
            let descriptor = actor.connect(room: number(0...2000))
            if chance(1, in: 50) { system.setSilence(descriptor, milliseconds: 60_000) }
            if system.sockets[descriptor]!.silenceMilliseconds > 0 { actor.hasLeft = true }
            if chance(1, in: 100) {
                actor.hasLeft = true
                system.failuresToAdd += 1
            }
            actor.hand(form: [.chunked, .reconnects])
            // So that the failure hits this connection.
            turn()
        }
    }

    private func playSink(_ actor: SimulatedStream) {
        if chance(1, in: 30) {
            actor.closeSink()
        } else if actor.drainSink() {
            actor.lastProgress = time
        }
    }

    private func play(_ actor: SimulatedStream, _ system: VirtualSystem, _ descriptor: Int32) {
        guard !system.sockets[descriptor]!.isClosed else { return }
        switch number(0...99) {
        case 0:
            actor.hasLeft = true
            system.hangUp(descriptor)
        case 1:
            actor.hasLeft = true
            actor.hasTimedOut = true
            system.hangUp(descriptor, timedOut: true)
        case 2:
            actor.hasLeft = true
            system.breakSilently(descriptor)
        case 3:
            let bytes = chance(1, in: 10) ? 70_000 : 100
            actor.received += bytes
            if actor.received >= 65_536 { actor.hasLeft = true }
            system.receive(descriptor, bytes: bytes)
        case 4: system.halfClose(descriptor)
        default:
            // Some read little, some nothing at all for a while.
            guard actor.token.slot % 5 != 0 || chance(1, in: 20) else { return }
            actor.lastProgress = time
            system.makeRoom(descriptor, chance(1, in: 3) ? number(1...20) : number(1...5000))
        }
    }

    func finish() {
        ended[0] = .shutdown
        runtime.end(nil, .shutdown)
        if let last = generations.last { last.retire() }
        for _ in 0..<3 {
            turn()
            for actor in order {
                if actor.isPending { answer(actor) }
                if actor.isClosing { complete(actor) }
                if !actor.isAttached, !actor.hasLeft { actor.leave() }
            }
        }
        pass(120_000_000_000)
        for actor in order where actor.isClosing { complete(actor) }
        turn()
        turn()
        for actor in order {
            if let fault = actor.fault() { violate("\(actor.token): \(fault)") }
        }
    }
}
