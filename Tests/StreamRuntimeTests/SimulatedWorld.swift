import EventStream
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

/// Loops on virtual time in which everything happens at random, and an account of what may follow from it.
protocol SimulatedWorld: AnyObject {
    var random: SeededRandom { get set }
    var stage: HubStage { get }
    /// What must never be seen, and was.
    var violations: [String] { get set }
    var allEntries: [ProducerEntry] { get }

    /// One random thing.
    func step()
    /// Chance decides how long it takes until everything has happened that can.
    var hasSeenEverything: Bool { get }
    /// Brings everything to its end.
    func finish()
}

extension SimulatedWorld {
    var runtime: Runtime { stage.runtime }
    var systems: [VirtualSystem] { stage.systems }
    var time: Int64 { systems[0].time }

    func chance(_ one: Int, in all: Int) -> Bool { number(1...all) <= one }
    func number<Number: FixedWidthInteger>(_ range: ClosedRange<Number>) -> Number {
        .random(in: range, using: &random)
    }
    func violate(_ what: String) { violations.append(what) }

    /// Lets time pass on all loops alike, from timer to timer.
    func pass(_ nanoseconds: Int64) { stage.pass(nanoseconds: nanoseconds, turns: 1) }

    /// Takes random steps, and then brings all to its end: nothing may be left, and each generation was told what its
    /// producers were.
    /// - Parameters:
    ///   - steps: at least so many.
    ///   - most: not more, though something has not happened yet.
    func run(steps: Int, atMost most: Int) {
        var count = 0
        while count < steps || count < most && !hasSeenEverything {
            step()
            count += 1
            if !violations.isEmpty {
                Issue.record("step \(count): \(violations)")
                return
            }
        }
        finish()
        #expect(violations == [])
        #expect(stage.isIdle && runtime.figures().streams.stuck == 0)
        for streams in runtime.loops {
            #expect(streams.scheduled.count == 0 && streams.moved.isEmpty && streams.chores.isEmpty)
        }
        #expect(!allEntries.isEmpty)
        for entry in allEntries {
            #expect(entry.ledger.open == 0 && entry.generation.liveStreams == 0)
            let producer = entry.producer as! FakeProducer
            #expect(producer.violations == [])
            let reasons = producer.streams.flatMap(\.closeReasons)
            #expect(entry.ledger.reasons == Dictionary(reasons.map { ($0, 1) }, uniquingKeysWith: +))
        }
    }
}

/// A subscriber of a simulation.
class SimulatedSubscriber: VirtualSubscriber {
    /// It gave the stream up.
    var hasLeft = false
    /// Batches of its sink that were reported as sent.
    private var drained = 0

    init(_ stage: HubStage, _ token: StreamToken, _ door: FakeDoor) {
        super.init(stage.runtime, stage.systems, token, door)
    }

    /// Nothing can come any more.
    var isClosed: Bool { sink.map { !$0.ends.isEmpty } ?? (isAttached && socket.isClosed) }
    /// All that it got.
    var bytes: [UInt8] { sink.map { Array($0.batches.joined()) } ?? (isAttached ? socket.sent : []) }

    /// A connection that the stream has at once.
    func attach(room: Int) {
        connect(room: room)
        hand(form: [.chunked, .reconnects])
    }

    func attachSink() { hand(FakeSink(), form: [.chunked, .reconnects]) }

    override func leave() {
        hasLeft = true
        super.leave()
    }

    /// The connection behind the sink is gone.
    func closeSink() {
        hasLeft = true
        runtime.sinkClosed(token)
    }

    /// Sends what its sink was given.
    /// - Returns: `false` if that was nothing.
    @discardableResult
    func drainSink() -> Bool {
        guard let sink, sink.batches.count > drained else { return false }
        drained = sink.batches.count
        runtime.sinksDrained([token])
        return true
    }
}
