import EventStream
import ProducerInterface
import Synchronization
import Testing

/// A producer that follows a script, and records its calls, their order, and any overlap.
final class FakeProducer: EventProducer {
    let description: ProducerDescription
    /// The steps of the pulls, in order; after the last one, it waits to be woken.
    let steps: [Step]
    let opening: @Sendable (FakeStream) -> OpenOutcome
    let closing: @Sendable (FakeStream, CloseReason) -> Bool
    let interrupted: @Sendable (FakeStream) -> Void
    /// Returns what a stream passes to the next generation; `nil`: the producer has no such function.
    let saving: (@Sendable (FakeStream) -> [UInt8]?)?
    private let all = Mutex<[FakeStream]>([])
    /// Whether a missing stream was reported.
    private let isMissing = Atomic(false)

    init(
        _ steps: [Step] = [], name: String = "fake", route: String? = nil, isNonblocking: Bool = true,
        isShared: Bool = false, isResumable: Bool = false, hasNext: Bool = true,
        opening: @escaping @Sendable (FakeStream) -> OpenOutcome = { _ in .opened(headers: []) },
        closing: @escaping @Sendable (FakeStream, CloseReason) -> Bool = { _, _ in true },
        interrupted: @escaping @Sendable (FakeStream) -> Void = { _ in },
        saving: (@Sendable (FakeStream) -> [UInt8]?)? = nil
    ) {
        description = ProducerDescription(
            plugin: "fakes", name: name, route: route ?? "/\(name)", isNonblocking: isNonblocking, isShared: isShared,
            isResumable: isResumable, hasNext: hasNext, savesState: saving != nil)
        self.steps = steps
        self.opening = opening
        self.closing = closing
        self.interrupted = interrupted
        self.saving = saving
    }

    /// A producer whose streams have threads.
    static func blocking(
        _ steps: [Step] = [], opening: @escaping @Sendable (FakeStream) -> OpenOutcome = { _ in .opened(headers: []) },
        closing: @escaping @Sendable (FakeStream, CloseReason) -> Bool = { _, _ in true },
        interrupted: @escaping @Sendable (FakeStream) -> Void = { _ in }
    ) -> FakeProducer {
        FakeProducer(
            steps, isNonblocking: false, opening: opening, closing: closing, interrupted: interrupted)
    }

    /// All streams that were ever opened, in order.
    var streams: [FakeStream] { all.withLock { $0 } }
    /// The first stream. If there is none, the test fails, and continues with a stream to which nothing happens.
    var only: FakeStream {
        if let first = streams.first { return first }
        if !isMissing.exchange(true, ordering: .relaxed) { Issue.record("\(description.name): no stream was opened") }
        return FakeStream(token: StreamToken(loop: 0, slot: 0, epoch: 1), request: .plain)
    }
    /// Everything that happened although it must not.
    var violations: [String] { streams.flatMap(\.violations) }

    func resolve(
        path: [StreamRequest.Field], query: [StreamRequest.Field]
    ) throws(ParameterFault) -> any ResolvedParameters {
        NoParameters()
    }

    func open(_ stream: StreamToken, _ request: StreamRequest, state: inout ProducerState) -> OpenOutcome {
        let fake = FakeStream(token: stream, request: request)
        all.withLock { $0.append(fake) }
        // The producer keeps every stream until its own end, so that a late call is noticed, and does no harm.
        state = ProducerState(word: UInt(bitPattern: Unmanaged.passUnretained(fake).toOpaque()))
        fake.enter("open")
        let outcome = opening(fake)
        fake.leave()
        return outcome
    }

    func pull(
        _ stream: StreamToken, state: ProducerState, into frames: inout FrameBuffer, events: Int, bytes: Int
    ) -> PullOutcome {
        let fake = fake(state, stream)
        fake.enter("pull")
        defer { fake.leave() }
        var left = events
        while left > 0, frames.count < bytes {
            guard let step = fake.nextStep(of: steps) else { return .wait(milliseconds: -1) }
            switch step.run(fake, &frames) {
            case nil: left -= 1
            case let outcome?: return outcome
            }
        }
        return .more
    }

    func save(_ stream: StreamToken, state: ProducerState) -> [UInt8]? {
        let fake = fake(state, stream)
        fake.enter("save")
        defer { fake.leave() }
        return saving?(fake)
    }

    func close(_ stream: StreamToken, state: ProducerState, reason: CloseReason) -> Bool {
        let fake = fake(state, stream)
        fake.enter("close \(reason.name)")
        defer { fake.leave() }
        return closing(fake, reason)
    }

    func interrupt(_ stream: StreamToken, state: ProducerState) {
        let fake = fake(state, stream)
        fake.noteInterrupt()
        interrupted(fake)
    }

    func perform(_ stream: StreamToken, _ call: ProducerCall) { FakeCall.perform(call) }

    private func fake(_ state: ProducerState, _ token: StreamToken) -> FakeStream {
        let fake = Unmanaged<FakeStream>.fromOpaque(UnsafeRawPointer(bitPattern: state.word)!).takeUnretainedValue()
        if fake.token != token { fake.violate("called with the token of another stream") }
        return fake
    }
}

/// One stream of a fake producer.
final class FakeStream: Sendable {
    let token: StreamToken
    /// The request passed to `open`.
    let request: StreamRequest
    private let state = Mutex(State())

    private struct State {
        var calls: [String] = []
        var running: String?
        var step = 0
        var closeReasons: [CloseReason] = []
        var interrupts = 0
        var violations: [String] = []
    }

    init(token: StreamToken, request: StreamRequest) {
        self.token = token
        self.request = request
    }

    /// "open", "pull", "close completed"; consecutive pulls count as one.
    var calls: [String] { state.withLock { $0.calls } }
    var closeReasons: [CloseReason] { state.withLock { $0.closeReasons } }
    var interrupts: Int { state.withLock { $0.interrupts } }
    var violations: [String] { state.withLock { $0.violations } }
    /// The number of steps taken in the script.
    var stepsTaken: Int { state.withLock { $0.step } }

    /// For the test's scheduled functions: records the call like the producer's own calls.
    func runScheduled(_ body: () -> Void = {}) {
        enter("scheduled")
        body()
        leave()
    }

    func violate(_ what: String) { state.withLock { $0.violations.append("\(token): \(what)") } }

    fileprivate func enter(_ call: String) {
        state.withLock { state in
            if let running = state.running { state.violations.append("\(token): \(call) while \(running) runs") }
            if !state.closeReasons.isEmpty { state.violations.append("\(token): \(call) after close") }
            if call.hasPrefix("close") { state.closeReasons.append(CloseReason.named(call.dropFirst(6))) }
            state.running = call
            if call != "pull" || state.calls.last != "pull" { state.calls.append(call) }
        }
    }

    fileprivate func leave() { state.withLock { $0.running = nil } }

    fileprivate func noteInterrupt() {
        state.withLock { state in
            state.interrupts += 1
            if !state.closeReasons.isEmpty { state.violations.append("\(token): interrupt after close began") }
        }
    }

    fileprivate func nextStep(of steps: [FakeProducer.Step]) -> FakeProducer.Step? {
        state.withLock { state in
            var left = state.step
            for step in steps {
                if left < step.times {
                    state.step += 1
                    return step
                }
                left -= step.times
            }
            return nil
        }
    }
}

extension CloseReason {
    static func named(_ name: some StringProtocol) -> CloseReason { allCases.first { $0.name == name }! }
}

struct NoParameters: ResolvedParameters {
    var canonical: String { "" }
}
