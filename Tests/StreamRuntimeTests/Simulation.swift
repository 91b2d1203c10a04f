import EventStream
import ProducerInterface
import StreamLoop
import TestSupport

@testable import StreamRuntime

/// A world on virtual time in which everything happens at random: what producers answer, what subscribers do, how much
/// time passes. It has its own model of the allowed results, and records violations.
final class Simulation: SimulatedWorld, @unchecked Sendable {
    // Unchecked: everything happens on one thread, including the producers' calls.
    var random: SeededRandom
    let stage: HubStage
    let limits: Limits
    var generations: [Generation] = []
    var entries: [ProducerEntry] = []
    var actors: [StreamToken: SimulatedStream] = [:]
    /// The same, in an order that is the same for the same seed.
    var order: [SimulatedStream] = []
    var ended: [Int: CloseReason] = [:]
    var violations: [String] = []
    var closes: [CloseReason: Int] = [:]
    var opened = 0
    var finishedWhole = 0

    init(random: SeededRandom) {
        self.random = random
        var limits = Limits()
        limits.stallLimit = .max
        limits.maxAge = 120_000_000_000
        limits.handoffBytes = 2000
        limits.maxStreams = 50
        self.limits = limits
        stage = HubStage(limits, loops: 3)
        reload()
    }

    var allEntries: [ProducerEntry] { entries }

    /// Loads new code for all producers: the old generation's streams end now or later.
    func reload() {
        let generation = Generation(plugin: "fakes", number: generations.count + 1)
        if let old = generations.last { old.retire() }
        generations.append(generation)
        for hasNext in [true, true, false] {
            let producer = FakeProducer(
                [FakeProducer.Step { [unowned self] stream, frames in pull(stream, &frames) }.repeated()],
                hasNext: hasNext,
                opening: { [unowned self] in open($0) }, closing: { [unowned self] in close($0, $1) })
            entries.append(ProducerEntry(producer: producer, generation: generation))
        }
    }

    func endOldGenerations() {
        for generation in generations.dropLast() where ended[generation.number] == nil {
            let reason = chance(1, in: 2) ? CloseReason.reloaded : .removed
            ended[generation.number] = reason
            runtime.end(generation, reason)
        }
    }

    // MARK: The producer's side

    private func open(_ stream: FakeStream) -> OpenOutcome {
        let actor = actors[stream.token]!
        actor.fake = stream
        meddle(stream.token)
        switch number(0...9) {
        case 0: return .ended()
        case 1: return .rejected(status: 404, message: "no")
        case 2: return .failed(log: "broken")
        case 3...5:
            actor.isPending = true
            if chance(1, in: 4) { answer(actor) }
            return .pending
        default: return isOpened(actor)
        }
    }

    private func isOpened(_ actor: SimulatedStream) -> OpenOutcome {
        actor.isOpen = true
        actor.openedAt = time
        opened += 1
        return .opened(headers: [])
    }

    /// Answers a pending open.
    func answer(_ actor: SimulatedStream) {
        actor.isPending = false
        let outcome = chance(1, in: 4) ? OpenOutcome.ended() : isOpened(actor)
        if !runtime.opened(actor.token, outcome) { violate("\(actor.token): an answer to a pending open was refused") }
    }

    /// Makes a call that a producer can make at any time, whether it is meaningful or not.
    private func meddle(_ token: StreamToken) {
        switch number(0...19) {
        case 0: runtime.wake(token)
        case 1: emit(actors[token]!)
        case 2: _ = runtime.schedule(token, afterNanoseconds: number(0...2_000_000_000), .nothing)
        case 3: for system in systems { system.advance(nanoseconds: 1_000_000) }
        default: break
        }
    }

    private func pull(_ stream: FakeStream, _ frames: inout FrameBuffer) -> PullOutcome? {
        let actor = actors[stream.token]!
        if !actor.isOpen || actor.pullEnd != nil { violate("\(stream.token): pulled when it must not be") }
        if !actor.isAttached { violate("\(stream.token): pulled without a connection") }
        meddle(stream.token)
        for _ in 0..<number(0...3) {
            let text = "p \(actor.produced) " + String(repeating: "x", count: number(0...300))
            try! EventEncoder().encode(Event(data: text), into: &frames)
            actor.produced += 1
        }
        switch number(0...49) {
        case 0:
            actor.pullEnd = .completed
            return .ended
        case 1:
            actor.pullEnd = .failed
            return .failed(StreamFailure(message: chance(1, in: 2) ? "said" : nil, log: "failed"))
        case 2...20: return .wait(milliseconds: number(0...5000))
        case 21...40: return .wait(milliseconds: -1)
        default: return nil
        }
    }

    func emit(_ actor: SimulatedStream) {
        let text = "e \(actor.emitted) " + String(repeating: "y", count: number(0...300))
        let outcome = runtime.emit(actor.token) { frames in
            (try? EventEncoder().encode(Event(data: text), into: &frames)) != nil
        }
        if outcome == .accepted { actor.emitted += 1 }
    }

    private func close(_ stream: FakeStream, _ reason: CloseReason) -> Bool {
        let actor = actors[stream.token]!
        if !actor.isOpen { violate("\(stream.token): closed, but never opened") }
        if actor.closeReason != nil { violate("\(stream.token): closed twice") }
        if !mayClose(actor, reason) { violate("\(stream.token): closed as \(reason.name), which is not true") }
        actor.closeReason = reason
        closes[reason, default: 0] += 1
        meddle(stream.token)
        if chance(2, in: 3) { return true }
        actor.isClosing = true
        if chance(1, in: 4) { complete(actor) }
        return false
    }

    /// Completes a close that answered "later".
    func complete(_ actor: SimulatedStream) {
        actor.isClosing = false
        if !runtime.closed(actor.token) { violate("\(actor.token): the end of its close was refused") }
    }

    /// Whether this can be the reason of the stream's close.
    private func mayClose(_ actor: SimulatedStream, _ reason: CloseReason) -> Bool {
        if let end = actor.pullEnd { return reason == end }
        switch reason {
        case .completed, .failed: return false
        case .disconnected: return actor.hasLeft
        case .slow: return time - actor.lastProgress >= limits.writeDeadline || actor.hasTimedOut
        case .expired: return time - actor.openedAt >= limits.maxAge
        case .reloaded, .removed: return ended[actor.entry.generation.number] == reason
        case .shutdown: return ended[0] == .shutdown
        }
    }
}
