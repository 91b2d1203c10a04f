import EventStream
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

/// Loops on virtual time in which everything happens at random, and a model of the allowed results.
protocol SimulatedWorld: AnyObject {
    var random: SeededRandom { get set }
    var stage: HubStage { get }
    /// Everything that was observed although it must not happen.
    var violations: [String] { get set }
    var allEntries: [ProducerEntry] { get }

    /// Takes one random step.
    func step()
    /// Whether everything that can happen has happened; chance decides how long that takes.
    var hasSeenEverything: Bool { get }
    /// Ends everything.
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

    /// Lets time pass on all loops equally, from timer to timer.
    func pass(_ nanoseconds: Int64) { stage.pass(nanoseconds: nanoseconds, turns: 1) }

    /// One of a few clients.
    func address() -> String { "192.0.2.\(number(0...3))" }

    /// Sets another limit of one client's streams, or none: some streams are counted, others are not.
    private func changeClientsLimit() {
        var limits = runtime.limits
        limits.maxStreamsPerAddress = [0, 8, 1000].randomElement(using: &random)!
        runtime.replaceLimits(limits)
    }

    /// Takes random steps, and then ends everything: nothing may be left, and each ledger must agree with its producer.
    /// - Parameters:
    ///   - steps: the least number of steps.
    ///   - most: the greatest number, even if something has not happened yet.
    func run(steps: Int, atMost most: Int) {
        var count = 0
        while count < steps || count < most && !hasSeenEverything {
            if chance(1, in: 200) { changeClientsLimit() }
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
        #expect(runtime.figures().streams.refusedByLimit["max-streams-per-address", default: 0] > 0)
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
    /// Whether it gave the stream up.
    var hasLeft = false
    /// The sink's batches that were reported as sent.
    private var drained = 0

    init(_ stage: HubStage, _ token: StreamToken, _ door: FakeDoor) {
        super.init(stage.runtime, stage.systems, token, door)
    }

    /// Whether nothing more can arrive.
    var isClosed: Bool { sink.map { !$0.ends.isEmpty } ?? (isAttached && socket.isClosed) }
    /// Everything that it received.
    var bytes: [UInt8] { sink.map { Array($0.batches.joined()) } ?? (isAttached ? socket.sent : []) }

    /// Creates a connection and gives it to the stream at once.
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

    /// Sends the batches in its sink.
    /// - Returns: `false` if there were none.
    @discardableResult
    func drainSink() -> Bool {
        guard let sink, sink.batches.count > drained else { return false }
        drained = sink.batches.count
        runtime.sinksDrained([token])
        return true
    }
}
