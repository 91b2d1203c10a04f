import EventStream
import ProducerInterface
import StreamLoop
import TestSupport

@testable import StreamRuntime

/// Shared streams on several loops in virtual time, in which everything happens at random, with a model of what each
/// subscriber may therefore see.
///
/// Published events are numbered for each key and generation: "k 2 7". So a hole or a repeat is visible in the bytes
/// alone.
final class HubSimulation: SimulatedWorld, @unchecked Sendable {
    // Unchecked: everything happens on one thread, including the producers' calls.
    var random: SeededRandom
    let stage: HubStage
    let limits: Limits
    var entries: [ProducerEntry] = []
    /// The number of events of each "key generation", in all of its streams.
    var published: [String: Int] = [:]
    /// Streams that are open, or whose open or close has not been answered.
    var sides: [StreamToken: ProducerSide] = [:]
    var actors: [Actor] = []
    /// Everything that was received anywhere, for each key: "id generation number".
    var seen: [String: [String]] = [:]
    var violations: [String] = []
    var opened = 0
    var closed: [CloseReason: Int] = [:]
    var joined = 0
    var gaps = 0
    var ends = 0

    struct ProducerSide {
        enum State {
            case opening
            case open
            case closing
        }
        /// "key generation".
        let key: String
        /// It only publishes by `emit`, because the order of an emit and a pull is not specified.
        let isEmitting: Bool
        var state: State
    }

    final class Actor: SimulatedSubscriber {
        let key: String
        let lastEventID: String?

        init(_ visitor: HubVisitor, key: String, lastEventID: String?) {
            self.key = key
            self.lastEventID = lastEventID
            super.init(visitor.stage, visitor.token, visitor.door)
        }
    }

    init(random: SeededRandom, policy: HubSettings.SlowPolicy) {
        self.random = random
        var limits = Limits.hubs {
            $0.linger = 3_000_000_000
            $0.slowPolicy = policy
            $0.historyEvents = 30
            $0.historyBytes = 4000
        }
        limits.stallLimit = .max
        limits.maxHubsPerProducer = 4
        limits.maxStreams = 80
        limits.handoffBytes = 3000
        self.limits = limits
        stage = HubStage(limits, loops: 3)
        reload()
    }

    var allEntries: [ProducerEntry] { entries }

    func reload() {
        let number = entries.count + 1
        let generation = Generation(plugin: "fakes", number: number)
        entries.last?.generation.retire()
        let producer = FakeProducer(
            [FakeProducer.Step { [unowned self] stream, frames in pull(stream, &frames) }.repeated()], isShared: true,
            opening: { [unowned self] in open($0, number) }, closing: { [unowned self] in close($0, $1) })
        entries.append(ProducerEntry(producer: producer, generation: generation))
    }

    // MARK: The producer's side

    private func open(_ stream: FakeStream, _ generation: Int) -> OpenOutcome {
        let key = "\(stream.request.parameters.canonical) \(generation)"
        switch number(0...9) {
        case 0: return .ended()
        case 1: return .rejected(status: 404, message: "no")
        case 2...4:
            sides[stream.token] = ProducerSide(key: key, isEmitting: chance(1, in: 3), state: .opening)
            return .pending
        default:
            sides[stream.token] = ProducerSide(key: key, isEmitting: chance(1, in: 3), state: .open)
            opened += 1
            return .opened(headers: [])
        }
    }

    func answer(_ token: StreamToken) {
        let isOpened = chance(4, in: 5)
        if isOpened {
            sides[token]!.state = .open
            opened += 1
        } else {
            sides[token] = nil
        }
        if !stage.runtime.opened(token, isOpened ? .opened(headers: []) : .ended()) {
            violate("\(token): answer refused")
        }
    }

    private func event(_ key: String) -> Event {
        published[key, default: 0] += 1
        return Event(data: "\(key) \(published[key]!) " + String(repeating: "x", count: number(0...90)))
    }

    private func pull(_ stream: FakeStream, _ frames: inout FrameBuffer) -> PullOutcome? {
        guard let side = sides[stream.token], side.state == .open else {
            violate("\(stream.token): pulled when it is not open")
            return .ended
        }
        for _ in 0..<(side.isEmitting ? 0 : chance(1, in: 40) ? number(20...60) : number(0...4)) {
            try! EventEncoder().encode(event(side.key), into: &frames)
        }
        switch number(0...79) {
        case 0: return .ended
        case 1: return .failed(StreamFailure(message: "said", log: "failed"))
        case 2...30: return .wait(milliseconds: Int64(number(0...4000)))
        default: return .wait(milliseconds: -1)
        }
    }

    /// Counts an event only if it is accepted: a stream that is full or has ended rejects it.
    func emit(_ token: StreamToken) {
        let key = sides[token]!.key
        let next = event(key)
        let outcome = stage.runtime.emit(token) { (try? EventEncoder().encode(next, into: &$0)) != nil }
        if outcome != .accepted { published[key]! -= 1 }
    }

    private func close(_ stream: FakeStream, _ reason: CloseReason) -> Bool {
        guard sides[stream.token]?.state == .open else {
            violate("\(stream.token): closed when it was not open")
            return true
        }
        closed[reason, default: 0] += 1
        if chance(1, in: 2) {
            sides[stream.token] = nil
            return true
        }
        sides[stream.token]!.state = .closing
        return false
    }

    func complete(_ token: StreamToken) {
        sides[token] = nil
        if !stage.runtime.closed(token) { violate("\(token): end of close refused") }
    }

    // MARK: What a subscriber may see

    /// The violation in what a subscriber received: its events must be consecutive, without holes or repeats, unless a
    /// gap was reported.
    func fault(in blocks: [Event], of actor: Actor) -> String? {
        var last: (generation: Int, number: Int)?
        var ids: Set<String> = []
        var isGap = false
        func place(of id: String?) -> (generation: Int, number: Int)? {
            guard let id, let line = seen[actor.key]?.last(where: { $0.hasPrefix(id + " ") }) else { return nil }
            let words = line.split(separator: " ")
            return (Int(words[1])!, Int(words[2])!)
        }
        // A subscriber with an id continues directly after it.
        last = place(of: actor.lastEventID)
        for block in blocks {
            guard let data = block.data else { continue }
            if block.type == "sluice-open" {
                // So does one that is told where it begins.
                last = place(of: block.id)
                continue
            }
            if block.type == "sluice-end" { continue }
            if block.type == "sluice-gap" {
                isGap = true
                gaps += 1
                continue
            }
            if block.type == "stream-error" { continue }
            let words = data.split(separator: " ", omittingEmptySubsequences: false)
            guard words[0] == actor.key, let generation = Int(words[1]), let number = Int(words[2]) else {
                return "an event of another hub: \(data)"
            }
            guard let id = block.id, ids.insert(id).inserted else { return "no id, or one that was there: \(data)" }
            if let last, (generation, number) <= last { return "\(data) after \(last)" }
            if let last, generation == last.generation, number > last.number + 1, !isGap {
                return "\(data) after \(last), and no gap was told"
            }
            last = (generation, number)
            isGap = false
            seen[actor.key, default: []].append("\(id) \(generation) \(number)")
        }
        return nil
    }
}
