import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Simulation", .timeLimit(.minutes(5)))
struct SimulationTests {
    @Test(
        "whatever happens in whatever order, every stream is closed once, for the true reason, and nothing is lost or left"
    )
    func simulate() {
        let random = SeededRandom.fromEnvironment(test: "Simulation")
        let simulation = Simulation(random: random)
        simulation.reload()
        // Chance decides how long it takes until everything has happened that can.
        var step = 0
        while step < 200_000 || step < 1_000_000 && !simulation.hasSeenEverything {
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
        #expect(simulation.runtime.loops.allSatisfy { $0.scheduled.count == 0 && $0.loop.timers.earliest == .max })
        #expect(simulation.generations.allSatisfy { $0.liveStreams == 0 })
        for entry in simulation.entries {
            #expect(entry.ledger.open == 0)
            let producer = entry.producer as! FakeProducer
            #expect(producer.violations == [])
            let reasons = producer.streams.flatMap(\.closeReasons)
            #expect(entry.ledger.reasons == Dictionary(reasons.map { ($0, 1) }, uniquingKeysWith: +))
        }
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

    /// One random thing.
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
        do throws(Overload) {
            let token = try runtime.open(RouteMatch(entry: entry, values: []), .plain, answering: door)
            let actor = SimulatedStream(token, door, entry)
            if actors.updateValue(actor, forKey: token) != nil { violate("\(token) was given out twice") }
            order.append(actor)
        } catch {
            let isExpected = error.limit == "max-streams" || (error.limit == "reload" && entry.generation.isShutDown)
            if !isExpected { violate("refused: \(error.limit)") }
        }
    }

    func turn() {
        for streams in runtime.loops { streams.loop.turn(waitingAtMost: 0) }
        guard chance(1, in: 30) else { return }
        order.removeAll { actor in
            // Over, when its record is gone.
            let isOver =
                !runtime.isLive(actor.token) && runtime.loops[actor.token.loop].slot(actor.token) == nil
            guard isOver || chance(1, in: 50) else { return false }
            if let fault = actor.fault(systems[actor.token.loop]) { violate("\(actor.token): \(fault)") }
            if let fake = actor.fake, !fake.violations.isEmpty { violate("\(fake.violations)") }
            guard isOver else { return false }
            if actor.isOpen, actor.closeReason == nil { violate("\(actor.token): over, but never closed") }
            if actor.isWhole(systems[actor.token.loop]) { finishedWhole += 1 }
            actors[actor.token] = nil
            return true
        }
    }

    /// Lets time pass on all loops alike, from timer to timer.
    func pass(_ nanoseconds: Int64) {
        let end = time + nanoseconds
        while time < end {
            let next = runtime.loops.map { $0.loop.timers.earliest }.min()!
            let step = min(end, max(next, time + 1)) - time
            for system in systems { system.advance(nanoseconds: step) }
            for streams in runtime.loops { streams.loop.turn(waitingAtMost: 0) }
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
                actor.hasLeft = true
                runtime.leave(actor.token)
            }
            return
        }
        switch number(0...29) {
        case 0..<4: runtime.wake(actor.token)
        case 4..<10: emit(actor)
        case 10: _ = runtime.schedule(actor.token, afterNanoseconds: number(-1...3_000_000_000), .nothing)
        case 11..<13:
            _ = (runtime.isLive(actor.token), runtime.producer(of: actor.token), runtime.isCancelled(actor.token))
        default: if actor.sink != nil { play(actor, sink: actor.sink!) } else { play(actor, system, actor.descriptor!) }
        }
    }

    private func attach(_ actor: SimulatedStream, _ system: VirtualSystem) {
        guard !actor.hasLeft else { return }
        actor.lastProgress = time
        if chance(1, in: 4) {
            let sink = FakeSink()
            actor.sink = sink
            runtime.attach(actor.token, to: .sink(sink), form: [.chunked, .reconnects])
        } else {
            let descriptor = system.makeSocket(room: Int(number(0...2000)))
            actor.descriptor = descriptor
            if chance(1, in: 50) { system.setSilence(descriptor, milliseconds: 60_000) }
            if system.sockets[descriptor]!.silenceMilliseconds > 0 { actor.hasLeft = true }
            if chance(1, in: 100) {
                actor.hasLeft = true
                system.failuresToAdd += 1
            }
            runtime.attach(actor.token, to: .descriptor(descriptor), form: [.chunked, .reconnects])
            // So that the failure is this connection's.
            turn()
        }
    }

    private func play(_ actor: SimulatedStream, sink: FakeSink) {
        if chance(1, in: 30) {
            actor.hasLeft = true
            runtime.sinkClosed(actor.token)
        } else if sink.batches.count > actor.drained {
            actor.drained = sink.batches.count
            actor.lastProgress = time
            runtime.sinksDrained([actor.token])
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
            system.makeRoom(descriptor, Int(chance(1, in: 3) ? number(1...20) : number(1...5000)))
        }
    }

    /// Brings everything to its end.
    func finish() {
        ended[0] = .shutdown
        runtime.end(nil, .shutdown)
        if let last = generations.last { last.retire() }
        for _ in 0..<3 {
            turn()
            for actor in order {
                if actor.isPending { answer(actor) }
                if actor.isClosing { complete(actor) }
                if !actor.isAttached, !actor.hasLeft {
                    actor.hasLeft = true
                    runtime.leave(actor.token)
                }
            }
        }
        pass(120_000_000_000)
        for actor in order where actor.isClosing { complete(actor) }
        turn()
        turn()
        for actor in order {
            if let fault = actor.fault(systems[actor.token.loop]) { violate("\(actor.token): \(fault)") }
        }
    }
}
