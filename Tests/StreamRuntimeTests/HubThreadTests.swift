import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Hubs on real threads", .timeLimit(.minutes(5)))
struct HubThreadTests {
    @Test(
        "subscribers on several loops come, resume, dawdle and go; none sees a hole or a repeat",
        arguments: [true, false])
    func storm(_ isNonblocking: Bool) async throws {
        var random = SeededRandom.fromEnvironment(test: "HubThreads \(isNonblocking)")
        var limits = Limits.hubs { $0.linger = 20_000_000 }
        limits.hub.historyBytes = 64 * 1024
        let stage = ThreadStage(limits, loops: 3)
        let runtime = stage.runtime
        let count = Atomic<Int>(0)
        // What forty visitors get in this time is looked through in less of it, also with a sanitizer: else a test that is behind has ever
        // more to look through.
        let pause: Int64 = 8
        let producer = FakeProducer(
            [
                FakeProducer.Step { stream, frames in
                    for _ in 0..<4 {
                        let number = count.add(1, ordering: .relaxed).newValue
                        try! EventEncoder().encode(Event(data: "\(number)"), into: &frames)
                    }
                    if !isNonblocking { _ = runtime.sleep(stream.token, milliseconds: 1) }
                    return .wait(milliseconds: pause)
                }.repeated()
            ], isNonblocking: isNonblocking, isShared: true)
        let entry = stage.entry(producer)
        var visitors: [RealVisitor] = []
        var lastIDs: [String] = []
        var checked = 0
        for round in 0..<1500 {
            let id = Bool.random(using: &random) ? lastIDs.suffix(5).randomElement(using: &random) : nil
            visitors.append(try stage.open(entry, lastEventID: id))
            if round % 5 == 0 || visitors.count > 40 {
                for _ in 0..<25 where !visitors.isEmpty {
                    let index = Int.random(in: 0..<visitors.count, using: &random)
                    let visitor = visitors[index]
                    switch Int.random(in: 0..<8, using: &random) {
                    case 0..<4 where visitor.door.answers == ["stream"] && !visitor.isAttached:
                        visitor.attach(tcp: Bool.random(using: &random))
                    case 4..<7:
                        if visitor.isAttached { visitor.bytes() }
                    case 7:
                        let (fault, last) = visitor.order()
                        #expect(fault == nil)
                        if let last { lastIDs.append(last) }
                        if visitor.isAttached { checked += 1 }
                        visitor.leaveOrHangUp(reset: Bool.random(using: &random))
                        visitors.remove(at: index)
                    default: break
                    }
                }
                await Task.yield()
            }
            // However busy the machine is, some stay for long enough to see something.
            if round % 50 == 25, let visitor = visitors.last {
                #expect(await eventually { visitor.door.answers == ["stream"] })
                if !visitor.isAttached { visitor.attach(tcp: Bool.random(using: &random)) }
                #expect(await eventually { visitor.order() != (nil, nil) })
                #expect(visitor.order().fault == nil)
                checked += 1
            }
            // Now and then nobody is there for longer than the linger time, or not quite.
            if round % 300 == 299 {
                for visitor in visitors { visitor.leaveOrHangUp(reset: false) }
                visitors = []
                try? await Task.sleep(for: .milliseconds(Int.random(in: 10...30, using: &random)))
            }
        }
        for visitor in visitors { visitor.leaveOrHangUp(reset: false) }
        #expect(await stage.isIdle())
        #expect(await eventually { await stage.onLoop { $0.directory.count } == 0 })
        #expect(producer.violations == [] && checked > 20)
        #expect(entry.ledger.open == 0 && entry.ledger.opens == producer.streams.count)
        #expect(producer.streams.allSatisfy { $0.closeReasons == [.disconnected] })
    }

    @Test("a blocking source has one thread for all of its subscribers, and its end reaches each of them whole")
    func oneThread() async throws {
        // Nobody is overtaken, however slowly it reads.
        let stage = ThreadStage(.hubs { $0.historyEvents = 2500 }, loops: 3)
        let producer = FakeProducer(
            [.wait(-1), .event("0123456789").repeated(2000), .end], isNonblocking: false, isShared: true)
        let entry = stage.entry(producer)
        var visitors: [RealVisitor] = []
        for _ in 0..<9 { visitors.append(try await stage.subscribe(entry)) }
        #expect(stage.runtime.figures().streams.threads == 1 && producer.streams.count == 1)
        // All have their place in the history before it grows.
        #expect(await eventually { visitors.allSatisfy { $0.hasPreamble } })
        stage.runtime.wake(producer.only.token)
        for visitor in visitors {
            #expect(await eventually(within: .seconds(30)) { visitor.text().hasSuffix(finished) })
            var parser = EventParser()
            #expect(parser.feed(visitor.text().utf8).count { $0.type == nil } == 2000)
            #expect(visitor.order().fault == nil)
            visitor.hangUp()
        }
        #expect(await stage.isIdle())
        #expect(entry.ledger.reasons == [.completed: 1] && entry.leavesByReason == [.completed: 9])
    }
}

extension ThreadStage {
    fileprivate func open(_ entry: ProducerEntry, lastEventID: String?) throws(Overload) -> RealVisitor {
        let door = FakeDoor()
        var request = StreamRequest.plain
        request.lastEventID = lastEventID
        let token = try runtime.open(RouteMatch(entry: entry, values: []), request, answering: door)
        return RealVisitor(self, token, door)
    }
}

extension RealVisitor {
    /// What is wrong with the order of the host's numbers that came, and the last id.
    fileprivate func order() -> (fault: String?, last: String?) {
        guard isAttached else { return (nil, nil) }
        var parser = EventParser(reporting: .blocks)
        var last: (epoch: Substring, number: Int)?
        var lastID: String?
        for block in parser.feed(bytes()) {
            guard let id = block.id, id != EventID.finished, block.data != nil else { continue }
            guard let dash = id.utf8.lastIndex(of: UInt8(ascii: "-")), let number = Int(id[dash...].dropFirst()) else {
                return ("no number: \(id)", nil)
            }
            let epoch = id[..<dash]
            if let last, last.epoch != epoch || last.number + 1 != number { return ("\(id) after \(last)", nil) }
            last = (epoch, number)
            lastID = id
        }
        return (nil, lastID)
    }
}
