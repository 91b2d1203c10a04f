import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import Testing

@testable import StreamRuntime

@Suite("Delivery by hubs")
struct HubDeliveringTests {
    static func producer() -> FakeProducer { FakeProducer(isShared: true, hasNext: false) }

    @Test("ids: the hub's, the producer's, none for a comment; strictly increasing")
    func ids() throws {
        let stage = HubStage(loops: 2)
        let entry = stage.entry(Self.producer())
        let visitors = [try stage.join(entry), try stage.join(entry)]
        stage.emit(
            entry, Event(data: "a"), Event(data: "b", id: "own"), Event(comment: "c"), Event(id: "bare"),
            Event(data: "d"))
        for visitor in visitors {
            #expect(visitor.story == ["1:a", "[own]:b", "comment c", "[bare]", "3:d"])
        }
    }

    @Test("one send for each subscriber and batch, and one message for each other loop")
    func cost() throws {
        let stage = HubStage(loops: 3)
        let entry = stage.entry(Self.producer())
        let visitors = try (0..<9).map { _ in try stage.join(entry) }
        let before = visitors.map { $0.socket.sends }
        let hub = stage.runtime.loops[0].table[1].pointee.shared!
        let messages = hub.links.map { $0.sent.load(ordering: .relaxed) }
        stage.emit(entry, data: "a", "b", "c")
        #expect(zip(visitors, before).allSatisfy { $0.socket.sends == $1 + 1 })
        #expect(hub.links.count == 2)
        #expect(zip(hub.links, messages).allSatisfy { $0.sent.load(ordering: .relaxed) == $1 + 1 })
        #expect(hub.links.allSatisfy { $0.sent.load(ordering: .relaxed) == $0.delivered.load(ordering: .relaxed) })
    }

    @Test("a late joiner starts live, or with a part of the history", arguments: [1, 2])
    func lateJoiners(_ loops: Int) throws {
        let stage = HubStage(loops: loops)
        let entry = stage.entry(Self.producer())
        let first = try stage.join(entry, history: "all")
        stage.emit(entry, data: "a", "b", "c")
        let all = ["1:a", "2:b", "3:c", "4:d"]
        let expected: [(String?, Int)] = [
            (nil, 1), ("0", 1), ("1", 2), ("2", 3), ("3", 4), ("4", 4), ("all", 4), ("99999999999999999999999", 4),
        ]
        let visitors = try expected.map { try stage.join(entry, history: $0.0) }
        stage.emit(entry, data: "d")
        for (visitor, (text, count)) in zip(visitors, expected) {
            #expect(visitor.story == all.suffix(count), "history=\(text ?? "nothing")")
        }
        #expect(first.story == all)
        // An id takes precedence over a number of events.
        #expect(try stage.join(entry, history: "all", lastEventID: first.ids[2]).story == ["4:d"])
    }

    @Test("after an id: exactly what follows it; after the newest: nothing until there is more", arguments: [1, 2])
    func resume(_ loops: Int) throws {
        let stage = HubStage(.hubs { $0.historyEvents = 4 }, loops: loops)
        let entry = stage.entry(Self.producer())
        let first = try stage.join(entry)
        stage.emit(
            entry, Event(data: "a"), Event(data: "b"), Event(data: "c", id: "own"), Event(data: "d"), Event(data: "e"),
            Event(data: "f"))
        let all = ["[own]:c", "4:d", "5:e", "6:f"]
        let cases: [(String, [String])] = [
            (first.ids[5], []), (first.ids[4], ["6:f"]), ("own", ["4:d", "5:e", "6:f"]), (first.ids[1], all),
            (first.ids[0], ["gap own lost 1"] + all), ("other", ["gap own"] + all),
            (String(first.ids[0].dropLast()) + "7", ["gap own"] + all),
            ("00000000000e-1", ["gap own"] + all), (String(repeating: "x", count: 65_536), ["gap own"] + all),
            ("\u{1}\u{7f}\u{80}", ["gap own"] + all),
        ]
        var visitors: [(HubVisitor, [String])] = []
        for (id, expected) in cases {
            let visitor = try stage.join(entry, lastEventID: id)
            #expect(visitor.story == expected, "\(id.prefix(20))")
            visitors.append((visitor, expected))
        }
        stage.emit(entry, data: "live")
        for (visitor, expected) in visitors { #expect(visitor.story == expected + ["7:live"]) }
    }

    @Test("bytes arrive completely and in order wherever a write is split, live")
    func everyBoundary() throws {
        for room in 0..<150 {
            let stage = HubStage(loops: 2)
            let entry = stage.entry(Self.producer())
            let whole = try stage.join(entry)
            let visitor = try stage.join(entry, room: room)
            stage.emitThree(entry, to: visitor)
            stage.emit(entry, data: "fourth")
            #expect(visitor.story == ["1:first", "2:second", "3:third", "4:fourth"], "room \(room)")
            #expect(visitor.text == whole.text)
        }
    }

    @Test("the same while it catches up, and after a notice of a gap")
    func everyBoundaryOfCatchUp() throws {
        for room in 0..<220 {
            let stage = HubStage(.hubs { $0.historyEvents = 3 }, loops: 1 + room % 2)
            let entry = stage.entry(Self.producer())
            let first = try stage.join(entry)
            stage.emit(entry, data: "a", "b", "c", "d", "e")
            let visitor = try stage.join(entry, lastEventID: first.ids[0], room: room)
            for _ in 0..<20 {
                visitor.read(7)
                stage.turn(1)
            }
            visitor.read(1 << 20)
            stage.turn()
            stage.emit(entry, data: "f")
            #expect(visitor.story == ["gap 3 lost 1", "3:c", "4:d", "5:e", "6:f"], "room \(room)")
        }
    }

    @Test(
        "a batch larger than the ring: a fast reader gets it all, a slow one is overtaken; in chunks or not",
        arguments: [1, 2], [[.chunked, .reconnects], .reconnects] as [ResponseForm])
    func batchLargerThanRing(_ loops: Int, _ form: ResponseForm) throws {
        func sent(_ bytes: [UInt8]) -> [UInt8] { form.contains(.chunked) ? unchunked(bytes) : behindRetry(bytes) }
        for room in stride(from: 0, through: 700, by: 13) {
            let stage = HubStage(.hubs { $0.historyEvents = 3 }, loops: loops)
            let entry = stage.entry(Self.producer())
            let whole = try stage.join(entry)
            let reader = try stage.join(entry, form: form)
            let slow = try stage.join(entry, room: room, form: form)
            let sink = FakeSink()
            _ = try stage.join(entry, sink, form: form)
            stage.emit(entry, (1...10).map { Event(data: "event \($0)") })
            #expect(whole.story == (1...10).map { "\($0):event \($0)" })
            let all = unchunked(whole.socket.sent)
            #expect(sent(reader.socket.sent) == all)
            #expect(sent(Array(sink.batches.joined())) == all, "a sink that is up to date is not behind")
            if slow.socket.isClosed {
                let part = sent(slow.socket.sent)
                #expect(entry.leavesByReason == [.slow: 1] && part.count < all.count && all.starts(with: part))
            } else {
                slow.read(1 << 20)
                stage.turn()
                #expect(sent(slow.socket.sent) == all, "room \(room)")
            }
        }
    }

    @Test(
        "overtaken by the ring: disconnected as slow; it reconnects with its id and is told of the gap",
        arguments: [1, 2])
    func overtaken(_ loops: Int) throws {
        let stage = HubStage(.hubs { $0.historyEvents = 4 }, loops: loops)
        let entry = stage.entry(Self.producer())
        let fast = try stage.join(entry)
        let slow = try stage.join(entry, room: 200)
        for number in 1...20 {
            stage.emit(entry, data: "\(number)")
            #expect(fast.story.count == number, "nobody waits for it")
        }
        #expect(slow.socket.isClosed && entry.leavesByReason == [.slow: 1])
        #expect(stage.log.contains("fell behind the history"))
        let back = try stage.join(entry, lastEventID: slow.ids.last)
        let seen = slow.story.count
        #expect(back.story == ["gap 17 lost \(16 - seen)", "17:17", "18:18", "19:19", "20:20"])
    }

    @Test("overtaken with the policy skip: its event is ended, a notice of the gap, then live", arguments: [1, 2])
    func skips(_ loops: Int) throws {
        for room in 0..<160 {
            let stage = HubStage(
                .hubs {
                    $0.historyEvents = 4
                    $0.slowPolicy = .skip
                }, loops: loops)
            let entry = stage.entry(Self.producer())
            let slow = try stage.join(entry, room: room)
            for number in 1...20 { stage.emit(entry, data: "\(number)") }
            slow.read(30)
            stage.turn()
            slow.read(1 << 20)
            stage.turn()
            stage.emit(entry, data: "live")
            #expect(!slow.socket.isClosed && entry.leavesByReason == [:])
            let story = slow.story
            let seen = story.firstIndex { $0.hasPrefix("gap") }!
            #expect(story[..<seen].elementsEqual((1...20).prefix(seen).map { "\($0):\($0)" }), "room \(room)")
            #expect(story[seen...] == ["gap 17 lost \(20 - seen)", "21:live"], "room \(room)")
        }
    }

    @Test(
        "a subscriber that takes nothing is dropped at the write deadline, even one that never took its head",
        arguments: [0, 60, 2000])
    func writeDeadline(_ room: Int) throws {
        let stage = HubStage(loops: 2)
        let entry = stage.entry(Self.producer())
        _ = try stage.join(entry)
        let slow = try stage.join(entry, room: room)
        for _ in 0..<100 { stage.emit(entry, data: "0123456789") }
        stage.pass(milliseconds: 29_900)
        #expect(!slow.socket.isClosed)
        stage.pass(milliseconds: 200)
        #expect(slow.socket.isClosed && entry.leavesByReason == [.slow: 1])
    }

    @Test("subscribers are distributed evenly over the loops, and an event is one message to each of the others")
    func even() throws {
        let stage = HubStage(loops: 3)
        let producer = Self.producer()
        let entry = stage.entry(producer)
        let visitors = try (0..<30).map { _ in try stage.join(entry) }
        #expect(Dictionary(grouping: visitors, by: \.token.loop).mapValues(\.count) == [0: 10, 1: 10, 2: 10])
        let home = stage.runtime.loops[producer.only.token.loop]
        let links = home.table[home.slot(producer.only.token)!].pointee.hub.links
        let before = links.map { $0.sent.load(ordering: .relaxed) }
        stage.emit(entry, data: "a")
        stage.emit(entry, data: "b", "c")
        #expect(links.count == 2 && zip(links, before).allSatisfy { $0.sent.load(ordering: .relaxed) == $1 + 2 })
        #expect(visitors.allSatisfy { $0.story == ["1:a", "2:b", "3:c"] })
    }

    @Test("a sink is a subscriber like any other, one batch at a time", arguments: [1, 2])
    func sinks(_ loops: Int) throws {
        let stage = HubStage(loops: loops)
        let entry = stage.entry(Self.producer())
        _ = try stage.join(entry)
        let visitor = try stage.ask(entry)
        stage.turn()
        let sink = FakeSink()
        visitor.attach(sink)
        stage.turn()
        stage.emit(entry, data: "a")
        stage.emit(entry, data: "b")
        #expect(sink.batches.count == 1)
        stage.runtime.sinksDrained([visitor.token])
        stage.turn()
        #expect(sink.batches.count == 2)
        stage.runtime.sinksDrained([visitor.token])
        stage.turn()
        stage.emit(entry, data: "c")
        #expect(sink.batches.count == 3)
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(sink.batches.count == 3 && sink.ends == [])
        stage.runtime.sinksDrained([visitor.token])
        stage.turn()
        #expect(story(of: Array(sink.batches.joined())) == ["1:a", "2:b", "3:c", "farewell"])
        stage.runtime.sinksDrained([visitor.token])
        stage.turn()
        #expect(sink.ends == ["finish"])
    }

    @Test("a sink that stays busy is slow; one that is gone leaves", arguments: [true, false])
    func sinkEnds(_ isSlow: Bool) throws {
        let stage = HubStage(loops: 2)
        let entry = stage.entry(Self.producer())
        let visitor = try stage.ask(entry)
        stage.turn()
        let sink = FakeSink()
        visitor.attach(sink)
        stage.turn()
        if !isSlow { stage.runtime.sinkClosed(visitor.token) }
        stage.pass(milliseconds: 30_010)
        #expect(sink.ends == (isSlow ? ["abort"] : []))
        #expect(entry.leavesByReason == [isSlow ? .slow : .disconnected: 1])
        stage.pass(milliseconds: 5010)
        #expect(stage.isIdle)
    }

    @Test(
        "END, ERROR, reload and shutdown reach everybody after everything before, however slow",
        arguments: [CloseReason.completed, .failed, .reloaded, .shutdown], [1, 3])
    func ends(_ reason: CloseReason, _ loops: Int) throws {
        let last: FakeProducer.Step = reason == .completed ? .end : .fail("it broke")
        let stage = HubStage(loops: loops)
        let events = (0..<20).map { FakeProducer.Step.event("event \($0)") }
        let producer = FakeProducer(
            [.wait(-1)] + events + (reason == .completed || reason == .failed ? [last] : []), isShared: true)
        let entry = stage.entry(producer)
        let rooms = [.max, 0, 40, 47, 100, 333, 500, .max]
        let visitors = try rooms.map { try stage.join(entry, room: $0) }
        let late = try stage.ask(entry)
        stage.turn()
        stage.runtime.wake(producer.only.token)
        stage.turn()
        if reason == .reloaded { stage.runtime.end(entry.generation, .reloaded) }
        if reason == .shutdown { stage.runtime.end(nil, .shutdown) }
        stage.turn()
        #expect(producer.only.closeReasons == [reason])
        late.attach()
        for visitor in visitors where visitor.socket.room != .max {
            for _ in 0..<30 {
                visitor.read(17)
                stage.turn(1)
            }
            visitor.read(1 << 20)
        }
        stage.turn()
        let end = [.completed: "end", .failed: "error it broke"][reason] ?? "farewell"
        for (index, visitor) in (visitors + [late]).enumerated() {
            #expect(visitor.story == (0..<20).map { "\($0 + 1):event \($0)" } + [end], "\(index)")
            #expect(visitor.socket.isShutDown)
            visitor.hangUp()
        }
        #expect(entry.leavesByReason == [reason: 9] && entry.ledger.reasons == [reason: 1])
        stage.turn()
        #expect(stage.isIdle && producer.violations == [])
    }

    @Test("events emitted before the end are delivered; afterwards nothing is accepted")
    func emitBeforeEnd() throws {
        let stage = HubStage(loops: 2)
        let producer = FakeProducer(isShared: true)
        let entry = stage.entry(producer)
        let visitors = [try stage.join(entry), try stage.join(entry)]
        let token = producer.only.token
        for text in ["a", "b"] {
            #expect(
                stage.runtime.emit(token) { (try? EventEncoder().encode(Event(data: text), into: &$0)) != nil }
                    == .accepted)
        }
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        for visitor in visitors { #expect(visitor.story == ["1:a", "2:b", "farewell"]) }
        #expect(stage.runtime.emit(token) { _ in true } == .over)
    }

    @Test("next and emit use one history, and their events count together")
    func nextAndEmit() throws {
        let stage = HubStage()
        let producer = FakeProducer([.event("n1", wait: -1), .event("n2", wait: -1)], isShared: true)
        let entry = stage.entry(producer)
        let visitor = try stage.join(entry)
        stage.emit(entry, data: "e1")
        stage.runtime.wake(producer.only.token)
        stage.turn()
        stage.emit(entry, data: "e2")
        #expect(visitor.story == ["1:n1", "2:e1", "3:n2", "4:e2"])
    }

    @Test("silence: all subscribers of a hub get a comment, and a vanished one is detected")
    func keepAlive() throws {
        let stage = HubStage(loops: 2)
        let entry = stage.entry(Self.producer())
        let visitors = try (0..<4).map { _ in try stage.join(entry) }
        stage.pass(milliseconds: 14_990)
        stage.emit(entry, data: "a")
        stage.pass(milliseconds: 14_990)
        #expect(visitors.allSatisfy { $0.story == ["1:a"] }, "an event is a sign of life")
        visitors[0].system.breakSilently(visitors[0].descriptor)
        visitors[3].system.makeRoom(visitors[3].descriptor, 1 - visitors[3].socket.room)
        stage.pass(milliseconds: 20)
        #expect(visitors[1].story == ["1:a", "keep-alive"] && visitors[2].story == ["1:a", "keep-alive"])
        #expect(visitors[0].socket.isClosed && entry.leavesByReason == [.disconnected: 1])
        stage.emit(entry, data: "b")
        visitors[3].read(1000)
        stage.turn()
        #expect(visitors[3].story == ["1:a", "keep-alive", "2:b"], "cut within the comment")
        for visitor in visitors { visitor.hangUp() }
        stage.pass(milliseconds: 5010)
        #expect(stage.isIdle)
    }

    @Test("the age limit ends a subscriber, not the stream")
    func maxAge() throws {
        var limits = Limits()
        limits.maxAge = 10_000_000_000
        let stage = HubStage(limits, loops: 2)
        let producer = Self.producer()
        let entry = stage.entry(producer)
        let first = try stage.join(entry)
        stage.pass(milliseconds: 6000)
        let second = try stage.join(entry)
        stage.pass(milliseconds: 4010)
        #expect(first.story == ["farewell"] && second.story == [] && entry.leavesByReason == [.expired: 1])
        stage.emit(entry, data: "a")
        #expect(second.story == ["1:a"] && producer.only.closeReasons == [])
    }
}
