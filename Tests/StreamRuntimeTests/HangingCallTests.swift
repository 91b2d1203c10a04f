import Glibc
import Locks
import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

/// A call of a non-blocking producer that never returns, or ends its thread, costs its own stream a thread, and the others nothing.
@Suite("Calls that hang, or end their thread")
struct HangingCallTests {
    /// What the producer does in the place of the test: hangs until the door is opened, or ends its thread.
    enum Misdeed: String, CaseIterable, CustomTestStringConvertible {
        case hangs, endsThread
        var testDescription: String { rawValue }
    }

    enum Place: String, CaseIterable, CustomTestStringConvertible {
        case open, next, schedule, save, close
        var testDescription: String { rawValue }
    }

    private let door = Door()
    private let scheduled: [Misdeed: FakeCall]
    /// The stream that they run for, so that its other calls are seen to come before or behind them.
    private let stream = Watched<FakeStream?>(nil)
    private let stage: ThreadStage

    init() {
        var limits = Limits()
        limits.callDeadline = 100_000_000
        limits.stallLimit = .max
        // What is sent is compared as a whole, however late.
        limits.keepAlive = 1_000_000_000_000
        stage = ThreadStage(limits)
        scheduled = [
            .hangs: FakeCall { [door, stream] in stream.read(\.self)!.runScheduled { door.pass() } },
            .endsThread: FakeCall { [stream] in
                stream.read(\.self)!.runScheduled()
                endThread()
            },
        ]
    }

    private func commit(_ misdeed: Misdeed) {
        switch misdeed {
        case .hangs: door.pass()
        case .endsThread: endThread()
        }
    }

    /// A stream with events before, in and behind the misdeed.
    private func producer(_ misdeed: Misdeed, in place: Place) -> FakeProducer {
        let hasMisbehaved = Once()
        let misbehave: @Sendable () -> Void = { if hasMisbehaved.isFirst { commit(misdeed) } }
        let misstep = FakeProducer.Step.act { _ in
            if place == .next { misbehave() }
            return nil
        }
        var saving: (@Sendable (FakeStream) -> [UInt8]?)?
        if place == .save {
            saving = { _ in
                misbehave()
                return [1]
            }
        }
        return FakeProducer(
            [.event("before", wait: -1), misstep, .event("behind", wait: -1), .end], isResumable: place == .save,
            opening: { _ in
                if place == .open { misbehave() }
                return .opened(headers: [])
            },
            closing: { _, _ in
                if place == .close { misbehave() }
                return true
            },
            saving: saving)
    }

    /// A stream of somebody else's on the same loop, which counts for as long as it is woken.
    private func neighbour() async throws -> RealVisitor {
        try await stage.subscribe(stage.entry(FakeProducer([.event("n", wait: -1).repeated()], name: "neighbour")))
    }

    private func goesOn(_ neighbour: RealVisitor) async -> Bool {
        let before = neighbour.text().count
        stage.runtime.wake(neighbour.token)
        return await eventually { neighbour.text().count > before }
    }

    /// Brings a stream to where it misbehaves.
    private func begin(_ entry: ProducerEntry, _ misdeed: Misdeed, _ place: Place) async throws -> RealVisitor {
        if place == .open { return try stage.open(entry) }
        let visitor = try await stage.subscribe(entry)
        #expect(await visitor.receives(frame("before")))
        switch place {
        case .open: break
        case .next: stage.runtime.wake(visitor.token)
        case .schedule:
            stream.update { $0 = (entry.producer as! FakeProducer).only }
            let isTaken = stage.runtime.schedule(visitor.token, afterNanoseconds: 0, scheduled[misdeed]!.call)
            #expect(isTaken == .accepted)
        case .save:
            entry.setSuccessor(
                stage.entry(
                    FakeProducer([.event("successor", wait: -1)], isResumable: true),
                    Generation(plugin: "fakes", number: 2)))
            stage.runtime.migrate(entry.generation)
        case .close: visitor.hangUp()
        }
        return visitor
    }

    @Test("the loop's other streams and newcomers go on, and the call is named", arguments: Place.allCases)
    func hangs(_ place: Place) async throws {
        let neighbour = try await neighbour()
        let entry = stage.entry(producer(.hangs, in: place))
        let visitor = try await begin(entry, .hangs, place)
        try #require(await eventually { stage.runtime.figures().hangingCalls.count == 1 })
        let call = try #require(stage.runtime.figures().hangingCalls.first)
        #expect(call.plugin == "fakes" && call.producer == "fake" && call.function == place.rawValue)
        #expect(call.stream == visitor.token && call.generation == 1)
        #expect(stage.log.contains("producer does not return") && stage.log.contains("function=\(place.rawValue)"))
        #expect(await goesOn(neighbour))
        let newcomer = try await stage.subscribe(stage.entry(FakeProducer([.event("new", wait: -1)], name: "newcomer")))
        #expect(await newcomer.receives(frame("new")))

        door.open()
        #expect(await eventually { stage.runtime.figures().hangingCalls.isEmpty })
        #expect(stage.log.contains("producer has returned after all"))
        switch place {
        case .open:
            #expect(await eventually { !visitor.door.answers.isEmpty })
            visitor.attach()
            #expect(await visitor.receives(frame("before")))
        case .next: #expect(await visitor.receives(frame("before") + frame("behind")))
        case .save: #expect(await visitor.receives(frame("before") + frame("successor")))
        case .schedule:
            // A thread asks at once, as a wake may have come meanwhile.
            #expect(await visitor.receives(frame("before") + frame("behind")))
        case .close: break
        }
        for visitor in [visitor, neighbour, newcomer] { visitor.hangUp() }
        #expect(await stage.isIdle())
        let producer = entry.producer as! FakeProducer
        #expect(producer.only.closeReasons.count == 1 && producer.violations == [])
        #expect(entry.ledger.opens == 1 && entry.ledger.closes == 1)
    }

    @Test(
        "a call that has hung, and whose stream is to end meanwhile, is followed by its close, once",
        arguments: [Place.open, .next, .schedule, .save])
    func endsMeanwhile(_ place: Place) async throws {
        let entry = stage.entry(producer(.hangs, in: place))
        let visitor = try await begin(entry, .hangs, place)
        try #require(await eventually { stage.runtime.figures().hangingCalls.count == 1 })
        if place == .open { visitor.leave() } else { visitor.hangUp() }
        let seen = await stage.onLoop { streams in streams.slot(visitor.token) != nil }
        #expect(seen, "its record is there as long as the call is")
        door.open()
        #expect(await stage.isIdle())
        let producer = entry.producer as! FakeProducer
        #expect(producer.only.closeReasons.count == 1 && producer.violations == [])
    }

    @Test(
        "a function that ends its thread fails its stream, and nothing else", .mayLoseMemory,
        arguments: [Place.open, .next, .schedule, .close])
    func endsThread(_ place: Place) async throws {
        let neighbour = try await neighbour()
        let entry = stage.entry(producer(.endsThread, in: place))
        let visitor = try await begin(entry, .endsThread, place)
        #expect(await eventually { stage.log.contains("has ended a thread of the server") })
        #expect(stage.log.contains("function=\(place.rawValue)"))
        #expect(await goesOn(neighbour))
        if place == .open {
            #expect(await eventually { visitor.door.answers.map(\.self) == ["failed"] })
        } else if place != .close {
            #expect(await eventually { visitor.text().hasPrefix(frame("before") + "event: stream-error") })
        }
        for visitor in [visitor, neighbour] { visitor.hangUp() }
        #expect(await stage.isIdle())
        #expect(entry.ledger.opens == entry.ledger.closes && stage.runtime.figures().hangingCalls.isEmpty)
    }

    @Test("the same on a stream's own thread", .mayLoseMemory, arguments: [Place.open, .next, .schedule, .close])
    func endsItsOwnThread(_ place: Place) async throws {
        let misbehaving = producer(.endsThread, in: place)
        let blocking = FakeProducer(
            misbehaving.steps, isNonblocking: false, opening: misbehaving.opening, closing: misbehaving.closing)
        let entry = stage.entry(blocking)
        let visitor = try await begin(entry, .endsThread, place)
        #expect(await eventually { stage.log.contains("has ended a thread of the server") })
        if place == .open {
            #expect(await eventually { visitor.door.answers.map(\.self) == ["failed"] })
        } else if place != .close {
            #expect(await eventually { visitor.text().hasPrefix(frame("before") + "event: stream-error") })
        }
        visitor.hangUp()
        #expect(await stage.isIdle())
        #expect(entry.ledger.opens == entry.ledger.closes)
    }

    @Test("newcomers go to the other loops once a call has been seen twice")
    func newcomersElsewhere() async throws {
        var limits = Limits()
        // The test looks in place of the watching thread.
        limits.callDeadline = .max
        let stage = ThreadStage(limits, loops: 2)
        let entered = Door()
        let door = door
        let entry = stage.entry(
            FakeProducer([
                .act { _ in
                    entered.open()
                    door.pass()
                    return .wait(milliseconds: -1)
                }
            ]))
        let visitor = try await stage.subscribe(entry)
        #expect(await eventually { entered.isPassable })
        stage.runtime.watch.look()
        stage.runtime.watch.look()
        for _ in 0..<8 {
            let newcomer = try await stage.subscribe(
                stage.entry(FakeProducer([.event("new", wait: -1)], name: "newcomer")))
            #expect(newcomer.token.loop != visitor.token.loop)
            #expect(await newcomer.receives(frame("new")))
        }
        door.open()
        visitor.hangUp()
    }
}

/// What no plugin may do.
func endThread() -> Never { pthread_exit(nil) }

extension Trait where Self == ConditionTrait {
    /// A thread that is ended within a call never gives back what it holds: nothing for where that is looked for.
    static var mayLoseMemory: Self { .disabled(if: looksForLeaks, "what an ended thread held is lost") }
}

/// Keeps threads waiting until it is opened; then it stays open.
final class Door: Sendable {
    private let condition = Condition()
    private let isOpen = Mutex(false)

    var isPassable: Bool { isOpen.withLock { $0 } }

    func pass() {
        condition.withLock { while !isOpen.withLock({ $0 }) { condition.wait(until: .max) } }
    }

    func open() {
        condition.withLock {
            isOpen.withLock { $0 = true }
            condition.broadcast()
        }
    }
}

private final class Once: Sendable {
    private let isDone = Atomic(false)
    var isFirst: Bool { !isDone.exchange(true, ordering: .relaxed) }
}
