import EventStream
import ProducerInterface
import StreamLoop
import TestSupport

@testable import StreamRuntime

/// Reloads on virtual time in which everything happens at random: new generations, generations whose streams fail at
/// once, rollbacks, opens and closes that answer later or with a rejection, subscribers that disconnect, are slow or
/// connect at any moment.
///
/// All events of a kind are numbered consecutively over all generations, so an event that is lost, repeated or
/// reordered at a switch is visible in the bytes alone.
final class MigrationSimulation: SimulatedWorld, @unchecked Sendable {
    // Unchecked: everything happens on one thread, including the producers' calls.

    enum Kind: String, CaseIterable {
        /// A stream for each subscriber: the producer numbers its events, and continues after the last ID.
        case pulled
        /// The same by `emit`.
        case emitted
        /// Shared, with its own IDs.
        case shared
        /// Shared: the hub creates the IDs, and `save` passes on the number.
        case saved

        var isShared: Bool { self == .shared || self == .saved }
        var isPulled: Bool { self == .pulled || self == .shared }
    }

    /// One open…close span.
    final class ProducerSide {
        let kind: Kind
        let generation: Int
        /// The number of its last event.
        var number: Int
        var isPending = false
        var isOpen = false
        var isClosing = false
        var closeReason: CloseReason?
        var hasEnded = false
        var hasFailed = false

        init(_ kind: Kind, generation: Int, number: Int) {
            self.kind = kind
            self.generation = generation
            self.number = number
        }
    }

    final class Actor: SimulatedSubscriber {
        let kind: Kind
        var chunks = ChunkDecoder()
        /// The sink's batches that were checked.
        var batchesSeen = 0
        var blocksSeen = 0
        var lastNumber: Int?

        init(_ stage: HubStage, _ kind: Kind, _ token: StreamToken, _ door: FakeDoor) {
            self.kind = kind
            super.init(stage, token, door)
        }
    }

    var random: SeededRandom
    let stage: HubStage
    var generations: [Generation] = []
    var entries: [[Kind: ProducerEntry]] = []
    /// Generations on trial in which each stream that is pulled fails, and no other does anything.
    var bad: Set<Int> = []
    /// The generation that serves.
    var current = -1
    var sides: [StreamToken: ProducerSide] = [:]
    var actors: [Actor] = []
    /// The newest number of the kind with only one stream at a time.
    var savedNumber = 0
    var violations: [String] = []
    var closes: [CloseReason: Int] = [:]
    var migrations = 0
    var refusals = 0
    var received = 0
    /// Whether something was done that ends streams early.
    var mayFarewell = false

    init(random: SeededRandom) {
        self.random = random
        var limits = Limits()
        limits.stallLimit = .max
        limits.handoffBytes = 2000
        limits.migrationDeadline = 2_000_000_000
        limits.hub.linger = 1_000_000_000
        stage = HubStage(limits, loops: 3)
        reload()
    }

    var allEntries: [ProducerEntry] { entries.flatMap(\.values) }
    /// In an order that is the same for the same seed.
    var orderedSides: [(key: StreamToken, value: ProducerSide)] { sides.sorted { $0.key.raw < $1.key.raw } }

    // MARK: Reloads

    /// Loads new code for all producers.
    func reload() {
        let number = generations.count
        let isBad = current >= 0 && chance(1, in: 3)
        if isBad { bad.insert(number) }
        let generation = Generation(
            plugin: "fakes", number: number + 1,
            trial: isBad ? Trial(failuresMax: .max, whenSettled: {}) : nil)
        endTrials()
        var made: [Kind: ProducerEntry] = [:]
        for kind in Kind.allCases {
            let step = FakeProducer.Step { [unowned self] stream, frames in pull(stream, &frames) }
            let saving: @Sendable (FakeStream) -> [UInt8]? = { [unowned self] _ in Array("\(savedNumber)".utf8) }
            let producer = FakeProducer(
                [step.repeated()], name: kind.rawValue, isShared: kind.isShared, isResumable: true,
                hasNext: kind.isPulled, opening: { [unowned self] in open($0, kind, number) },
                closing: { [unowned self] in close($0, $1) }, saving: kind == .saved ? saving : nil)
            made[kind] = ProducerEntry(producer: producer, generation: generation)
            if isBad { made[kind]!.setFallback(entries[current][kind]!) }
        }
        generations.append(generation)
        entries.append(made)
        generation.hold()
        serve(number)
    }

    /// Rolls back to the previous generation, unless none but the newest ever served.
    func rollBack() {
        guard current > 0, !generations[current - 1].isShutDown else { return }
        // So that opened streams have their subscribers.
        for _ in 0..<3 { turn() }
        generations[current - 1].reinstate()
        serve(current - 1)
    }

    private func serve(_ number: Int) {
        let old = current
        current = number
        for (index, each) in entries.enumerated() {
            for (kind, entry) in each { entry.setSuccessor(index == number ? nil : entries[number][kind]!) }
        }
        guard old >= 0 else { return }
        generations[old].retire()
        // Like a reload: streams of all older generations are asked again.
        for (index, generation) in generations.enumerated() where index != number { runtime.migrate(generation) }
        // Only the previous one can be restored.
        for index in 0..<max(0, number - 1) where !isReleased.contains(index) {
            isReleased.insert(index)
            generations[index].releaseHold()
        }
    }

    private func endTrials() {
        for entry in allEntries { entry.setFallback(nil) }
    }

    private var isReleased: Set<Int> = []

    func releaseAll() {
        endTrials()
        for index in generations.indices where !isReleased.contains(index) { generations[index].releaseHold() }
        for generation in generations { generation.retire() }
    }

    // MARK: Producers

    private func open(_ stream: FakeStream, _ kind: Kind, _ generation: Int) -> OpenOutcome {
        let saved = stream.request.saved.map { Int(String(decoding: $0, as: UTF8.self))! }
        let number = kind == .saved ? saved ?? savedNumber : Int(stream.request.lastEventID ?? "0")!
        if kind == .saved, number != savedNumber { violate("saved \(number), but it was \(savedNumber)") }
        let side = ProducerSide(kind, generation: generation, number: number)
        sides[stream.token] = side
        switch self.number(0...19) {
        case 0:
            refusals += 1
            return .ended()
        case 1:
            refusals += 1
            return .failed(log: "broken")
        case 2..<8:
            side.isPending = true
            return .pending
        default:
            side.isOpen = true
            return .opened(headers: [])
        }
    }

    /// Answers a pending open.
    func answer(_ token: StreamToken, _ side: ProducerSide) {
        side.isPending = false
        let isYes = !chance(1, in: 5)
        if isYes { side.isOpen = true } else { refusals += 1 }
        if !runtime.opened(token, isYes ? .opened(headers: []) : .rejected(status: 404, message: "no")) {
            violate("\(token): the answer to a pending open was refused")
        }
    }

    private func encode(_ side: ProducerSide, _ frames: inout FrameBuffer) {
        let number = (side.kind == .saved ? savedNumber : side.number) + 1
        let text =
            "\(number) \(side.generation) " + String(repeating: "x", count: self.number(0...199))
        let event = Event(data: text, id: side.kind == .saved ? nil : "\(number)")
        try! EventEncoder().encode(event, into: &frames)
    }

    private func pull(_ stream: FakeStream, _ frames: inout FrameBuffer) -> PullOutcome? {
        let side = sides[stream.token]!
        if !side.isOpen || side.hasEnded { violate("\(stream.token): pulled when it must not be") }
        if bad.contains(side.generation) {
            side.hasFailed = true
            return .failed(StreamFailure(message: nil, log: "bad"))
        }
        for _ in 0..<number(0...2) {
            encode(side, &frames)
            side.number += 1
        }
        if chance(1, in: 200) {
            side.hasEnded = true
            return .ended
        }
        return .wait(milliseconds: number(0...499))
    }

    func emit(_ token: StreamToken, _ side: ProducerSide) {
        guard side.isOpen, side.closeReason == nil, !side.kind.isPulled else { return }
        // Events of a stream whose generation was rolled back are lost with it, unless they can be repeated.
        guard side.kind != .saved || side.generation <= current else { return }
        guard !bad.contains(side.generation) else { return }
        let outcome = runtime.emit(token) { frames in
            encode(side, &frames)
            return true
        }
        guard case .accepted = outcome else { return }
        if side.kind == .saved { savedNumber += 1 } else { side.number += 1 }
    }

    private func close(_ stream: FakeStream, _ reason: CloseReason) -> Bool {
        let side = sides[stream.token]!
        if !side.isOpen { violate("\(stream.token): closed, but never opened") }
        if side.closeReason != nil { violate("\(stream.token): closed twice") }
        side.closeReason = reason
        closes[reason, default: 0] += 1
        if reason == .reloaded { migrations += 1 }
        if side.hasEnded != (reason == .completed) || side.hasFailed != (reason == .failed) {
            violate("\(stream.token): closed as \(reason.name)")
        }
        if chance(2, in: 3) { return true }
        side.isClosing = true
        return false
    }

    func complete(_ token: StreamToken, _ side: ProducerSide) {
        side.isClosing = false
        if !runtime.closed(token) { violate("\(token): the end of its close was refused") }
    }
}
