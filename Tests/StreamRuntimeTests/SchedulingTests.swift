import ProducerInterface
import StreamLoop
import Synchronization
import Testing

@testable import StreamRuntime

@Suite("Scheduled calls")
struct SchedulingTests {
    let stage = Stage()

    /// What a scheduled call leaves behind; kept by the test.
    final class Call: Sendable {
        private let made: FakeCall

        init(_ name: String, _ log: CallLog) {
            made = FakeCall {
                log.names.withLock { $0.append(name) }
                log.during(name)
            }
        }

        func schedule(_ visitor: Visitor, afterMilliseconds: Int64) -> Bool {
            visitor.stage.runtime.schedule(
                visitor.token, afterNanoseconds: afterMilliseconds * 1_000_000, made.call) == .accepted
        }
    }

    final class CallLog: Sendable {
        let names = Mutex<[String]>([])
        let during: @Sendable (String) -> Void
        init(during: @escaping @Sendable (String) -> Void = { _ in }) { self.during = during }
        var all: [String] { names.withLock { $0 } }
    }

    @Test("calls run at their time, in the order of their times, then of their scheduling")
    func order() throws {
        let visitor = try stage.subscribe(FakeProducer())
        let log = CallLog()
        let plan: [(String, Int64)] = [
            ("30", 30), ("10a", 10), ("20", 20), ("10b", 10), ("0", 0), ("10c", 10), ("-", -5),
        ]
        let calls = plan.map { (Call($0.0, log), $0.1) }
        for (call, time) in calls { #expect(call.schedule(visitor, afterMilliseconds: time)) }
        #expect(log.all == [], "never from inside schedule")
        stage.pass(milliseconds: 9)
        #expect(log.all == ["0", "-"])
        stage.pass(milliseconds: 2)
        #expect(log.all == ["0", "-", "10a", "10b", "10c"])
        stage.pass(milliseconds: 100)
        #expect(log.all == ["0", "-", "10a", "10b", "10c", "20", "30"])
        withExtendedLifetime(calls) {}
    }

    @Test("calls run from before open is answered until close is complete, and never after")
    func lifetime() throws {
        let log = CallLog()
        let producer = FakeProducer([.end], opening: { _ in .pending }, closing: { _, _ in false })
        let visitor = try stage.open(producer)
        let calls = ["opening", "connected", "closing", "late", "over"].map { Call($0, log) }
        #expect(calls[0].schedule(visitor, afterMilliseconds: 0))
        stage.pass(milliseconds: 1)
        #expect(log.all == ["opening"])
        _ = stage.runtime.opened(visitor.token, .opened(headers: []))
        stage.turn()
        #expect(calls[1].schedule(visitor, afterMilliseconds: 0))
        stage.pass(milliseconds: 1)
        visitor.attach()
        stage.turn()
        #expect(producer.only.closeReasons == [.completed])
        #expect(calls[2].schedule(visitor, afterMilliseconds: 0))
        #expect(calls[3].schedule(visitor, afterMilliseconds: 100))
        stage.pass(milliseconds: 1)
        #expect(log.all == ["opening", "connected", "closing"])
        _ = stage.runtime.closed(visitor.token)
        stage.turn()
        #expect(!calls[4].schedule(visitor, afterMilliseconds: 0))
        #expect(stage.runtime.rowsInUse == 1, "the peer has not closed yet")
        stage.pass(milliseconds: 200)
        #expect(log.all == ["opening", "connected", "closing"])
        #expect(stage.streams.scheduled.count == 0)
        withExtendedLifetime(calls) {}
    }

    @Test("behind closed, and behind an opened that refuses, no call starts: not even one that is due in the same turn")
    func silence() throws {
        let closing = FakeProducer([.end], closing: { _, _ in false })
        let closed = try stage.subscribe(closing)
        let refused = try stage.open(FakeProducer(name: "refuses", opening: { _ in .pending }))
        let accepted = try stage.open(FakeProducer(name: "accepts", opening: { _ in .pending }))
        unowned let runtime = stage.runtime
        let (closedToken, refusedToken, acceptedToken) = (closed.token, refused.token, accepted.token)
        let log = CallLog(during: { name in
            switch name {
            case "closed": _ = runtime.closed(closedToken)
            case "refused": _ = runtime.opened(refusedToken, .ended())
            case "accepted": _ = runtime.opened(acceptedToken, .opened(headers: []))
            default: break
            }
        })
        #expect(closing.only.closeReasons == [.completed])
        let visitors = [("closed", closed), ("refused", refused), ("accepted", accepted)]
        let calls = visitors.flatMap { [(Call($0.0, log), $0.1), (Call("after " + $0.0, log), $0.1)] }
        for (call, visitor) in calls { #expect(call.schedule(visitor, afterMilliseconds: 1)) }
        stage.pass(milliseconds: 5)
        #expect(log.all == ["closed", "refused", "accepted", "after accepted"])
        #expect(stage.streams.scheduled.count == 0)
        withExtendedLifetime(calls) {}
    }

    @Test("a call may schedule the next, and wake and emit; a timer set to now again and again does not hold the loop")
    func chain() throws {
        let stage = stage
        unowned let runtime = stage.runtime
        let producer = FakeProducer([.wait(-1), .event("woken", wait: -1)])
        let visitor = try stage.subscribe(producer)
        let token = visitor.token
        let count = Atomic<Int>(0)
        let holder = Mutex<FakeCall?>(nil)
        let again = FakeCall {
            count.add(1, ordering: .relaxed)
            runtime.wake(token)
            holder.withLock { again in
                _ = runtime.schedule(token, afterNanoseconds: 0, again!.call)
            }
        }
        holder.withLock { $0 = again }
        FakeCall.perform(again.call)
        for _ in 0..<50 {
            let before = count.load(ordering: .relaxed)
            stage.system.advance(nanoseconds: 10)
            stage.turn(1)
            #expect(count.load(ordering: .relaxed) - before <= 1, "at most once a turn")
        }
        #expect(count.load(ordering: .relaxed) > 20)
        #expect(visitor.text == frame("woken"))
        visitor.hangUp()
        stage.turn()
        #expect(stage.isIdle)
        holder.withLock { $0 = nil }
    }

    @Test("calls of streams that ended are cleared away, those of others stay")
    func cleared() throws {
        let log = CallLog()
        var kept: [Call] = []
        var ended: [Visitor] = []
        for index in 0..<400 {
            let visitor = try stage.subscribe(FakeProducer())
            if index % 4 != 0 { ended.append(visitor) }
            for _ in 0..<3 {
                let call = Call("\(index)", log)
                kept.append(call)
                #expect(call.schedule(visitor, afterMilliseconds: 1000 + Int64(index)))
            }
        }
        stage.turn()
        #expect(stage.streams.scheduled.count == 1200)
        for visitor in ended { visitor.hangUp() }
        stage.turn()
        #expect(stage.streams.scheduled.count < 601, "most were cleared before they were due")
        stage.pass(milliseconds: 2000)
        #expect(log.all == (0..<100).flatMap { [String](repeating: "\($0 * 4)", count: 3) })
        withExtendedLifetime(kept) {}
    }

    @Test("scheduled calls that stall the loop have their producer moved to threads, and no other")
    func stalls() throws {
        let stage = stage
        nonisolated(unsafe) let system = stage.system
        let log = CallLog { _ in system.advance(nanoseconds: 60_000_000) }
        let (guilty, innocent) = (stage.entry(FakeProducer()), stage.entry(FakeProducer([.wait(1).repeated()])))
        let visitor = try stage.open(guilty)
        let other = try stage.open(innocent)
        stage.turn()
        other.attach()
        let calls = (0..<StallHabit.stallsMax).map { Call("slow \($0)", log) }
        for (call, time) in zip(calls, [10, 100, 200]) {
            #expect(!guilty.usesThreads(at: system.time))
            #expect(call.schedule(visitor, afterMilliseconds: Int64(time)))
            stage.pass(milliseconds: 250)
        }
        #expect(log.all == ["slow 0", "slow 1", "slow 2"])
        #expect(guilty.usesThreads(at: system.time) && !innocent.usesThreads(at: system.time))
        #expect(stage.log.lines.count { $0.contains("function=schedule") } == 3)
        #expect(stage.log.lines.count { $0.contains("function=schedule") && $0.contains("threads") } == 1)
        withExtendedLifetime(calls) {}
    }
}
