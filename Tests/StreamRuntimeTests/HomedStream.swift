import EventStream
import Glibc
import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls
import TestSupport

@testable import StreamRuntime

/// Where a stream lives, for what must hold wherever it does.
enum Home: CaseIterable {
    case loop, thread
    /// Moved from its loop to a thread, as its producer stalls.
    case demoted
    /// Opened in place of one that failed at once in a newer generation.
    case fallenBack
    /// The source of a hub, on its loop and on a thread.
    case hub, hubThread

    static let pending: [Home] = [.loop, .thread, .hub, .hubThread]
    static let threads: [Home] = [.thread, .demoted, .hubThread]
    var isNonblocking: Bool { self != .thread && self != .hubThread }
    var isShared: Bool { self == .hub || self == .hubThread }
}

/// A stream with its connection, at one of the homes. It ends by itself when told to.
final class HomedStream: Sendable {
    let stage = ThreadStage(.hubs { $0.linger = 0 })
    let home: Home
    let producer: FakeProducer
    let generation: Generation
    let entry: ProducerEntry
    private let ends: Counter
    private let scheduled = Mutex<[FakeCall]>([])

    init(
        _ home: Home, opening: @escaping @Sendable (FakeStream) -> OpenOutcome = { _ in .opened(headers: []) },
        pulling: @escaping @Sendable () -> Void = {},
        closing: @escaping @Sendable (FakeStream, CloseReason) -> Bool = { _, _ in true },
        interrupted: @escaping @Sendable (FakeStream) -> Void = { _ in },
        saving: (@Sendable (FakeStream) -> [UInt8]?)? = nil, shutdown: @escaping @Sendable () -> Void = {}
    ) {
        let ends = Counter()
        self.home = home
        self.ends = ends
        let step = FakeProducer.Step.act { _ in
            pulling()
            return ends.value > 0 ? .ended : .wait(milliseconds: -1)
        }
        producer = FakeProducer(
            [step.repeated()], isNonblocking: home.isNonblocking, isShared: home.isShared, isResumable: true,
            opening: opening, closing: closing, interrupted: interrupted, saving: saving)
        generation = Generation(plugin: "fakes", number: 1, shutdown: shutdown)
        entry = ProducerEntry(producer: producer, generation: generation)
    }

    var runtime: Runtime { stage.runtime }
    var streams: LoopStreams { runtime.loops[0] }
    var stream: FakeStream { producer.only }
    var token: StreamToken { stream.token }

    /// Waits until it is open, or its open pending.
    func begin() async throws -> RealVisitor {
        let visitor = try stage.open(entry)
        guard await eventually({ !producer.streams.isEmpty }) else { throw TestFailure("nothing was opened") }
        return visitor
    }

    /// Waits until it is open, lives at its home, and has its subscriber.
    func live() async throws -> RealVisitor {
        if home == .fallenBack { return try await fallBack() }
        let visitor = try await stage.subscribe(entry)
        guard await eventually({ visitor.hasPreamble }) else { throw TestFailure("no subscriber") }
        if home == .demoted {
            entry.noteHang(at: monotonicNanoseconds())
            runtime.wake(token)
            guard await eventually({ self.runtime.figures().streams.threads == 1 }) else {
                throw TestFailure("not moved")
            }
        }
        return visitor
    }

    private func fallBack() async throws -> RealVisitor {
        let candidate = ProducerEntry(
            producer: FakeProducer([.fail("oh")], isResumable: true),
            generation: Generation(plugin: "fakes", number: 2, trial: Trial(failuresMax: 9, whenSettled: {})))
        candidate.setFallback(entry)
        defer { candidate.setFallback(nil) }
        let visitor = try await stage.subscribe(candidate)
        guard await eventually({ self.producer.streams.first?.calls.contains("pull") == true }) else {
            throw TestFailure("it did not fall back")
        }
        return visitor
    }

    /// Its next `pull` is its end.
    func end() {
        ends.count()
        runtime.wake(token)
    }

    /// Keeps the loop from learning anything, while `body` runs.
    func withLoopHeld(_ body: () async throws -> Void) async throws {
        let (held, released) = (Counter(), Counter())
        streams.loop.post {
            held.count()
            released.wait()
        }
        defer { released.count() }
        guard await eventually({ held.value == 1 }) else { throw TestFailure("the loop is not held") }
        try await body()
    }

    /// Runs a call where the stream lives, as its producer would ask for it.
    @discardableResult
    func schedule(_ body: @escaping @Sendable () -> Void) -> Bool {
        let call = FakeCall(body)
        scheduled.withLock { $0.append(call) }
        return runtime.schedule(token, afterNanoseconds: 0, call.call) == .accepted
    }

    /// The services that do not answer as for a stream that is over.
    func servicesThatAnswer() -> [String] {
        let runtime = runtime
        let token = token
        var found: [String] = []
        if runtime.wake(token) { found.append("wake") }
        let outcome = runtime.emit(token) { frames in
            (try? EventEncoder().encode(Event(data: "late"), into: &frames)) != nil
        }
        if outcome != .over { found.append("emit") }
        if runtime.sleep(token, milliseconds: 0) != nil { found.append("sleep") }
        if !runtime.isCancelled(token) { found.append("isCancelled") }
        if runtime.isLive(token) { found.append("isLive") }
        if runtime.producer(of: token) != nil { found.append("producer") }
        if runtime.opened(token, .opened(headers: [])) { found.append("opened") }
        if runtime.closed(token) { found.append("closed") }
        let scheduled = runtime.schedule(token, afterNanoseconds: 0, .forbidden)
        if scheduled != .over { found.append("schedule") }
        return found
    }
}

/// A call that stays inside for a while, so that others have every chance to come meanwhile, and must not.
final class DwellingCall: Sendable {
    private let entered = Counter()
    private let inside = Atomic(false)
    private let caught = Counter()

    var isEntered: Bool { entered.value > 0 }
    var isInside: Bool { inside.load(ordering: .sequentiallyConsistent) }
    /// What came meanwhile.
    var caughtCount: Int { caught.value }

    /// To be called where nobody may be inside.
    func noteIfInside() { if isInside { caught.count() } }

    /// Stays until somebody has come, and for a twentieth of a second at most.
    func stay(until hasCome: () -> Bool) {
        inside.store(true, ordering: .sequentiallyConsistent)
        entered.count()
        let end = monotonicNanoseconds() + 50_000_000
        while !hasCome(), monotonicNanoseconds() < end { usleep(500) }
        inside.store(false, ordering: .sequentiallyConsistent)
    }
}
