import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import Testing

@testable import StreamRuntime

@Suite("Continuing streams in a newer generation")
struct MigratingTests {
    let stage = Stage()

    @Test("the subscriber gets every event once and in order, from the new code after the switch")
    func whole() throws {
        let (old, new) = (FakeProducer.counting("old"), FakeProducer.counting("new"))
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try stage.subscribe(first)
        stage.pass(milliseconds: 25)
        first.replace(by: second, in: stage.runtime)
        stage.pass(milliseconds: 25)
        let received = numbersAndMarks(of: visitor.text)
        #expect(received.prefix(3) == ["1 old", "2 old", "3 old"])
        #expect(received.dropFirst(3).enumerated().allSatisfy { $1 == "\($0 + 4) new" } && received.count > 4)
        #expect(old.only.calls == ["open", "pull", "close reloaded"])
        #expect(new.only.calls == ["open", "pull"])
        #expect(!visitor.socket.isClosed && !visitor.socket.isShutDown)
        #expect(first.generation.isShutDown && first.ledger.open == 0 && second.ledger.open == 1)
        #expect(stage.runtime.figures().streams.open == 1 && stage.runtime.rowsInUse == 1)
        visitor.hangUp()
        stage.turn()
        #expect(new.only.closeReasons == [.disconnected])
        #expect(stage.isIdle && stage.openSockets == 0)
    }

    @Test("the new open gets the old request, with its identity, the last id that was produced, and the saved state")
    func request() throws {
        let old = FakeProducer.counting("old", saving: { _ in Array("state".utf8) })
        let new = FakeProducer.counting("new", saving: { _ in nil })
        let newest = FakeProducer.counting("newest")
        let entries = [old, new, newest].enumerated().map { ProducerEntry($1, generation: $0 + 1) }
        var request = StreamRequest(
            method: "POST", path: "/fake/x%20y", query: [.init("a", "1"), .init("b", "")],
            headers: [.init("X-One", "1"), .init("X-Two", "ü")], remoteAddress: "192.0.2.9", lastEventID: "41",
            body: [0, 255, 10], parameters: FakeParameters(canonical: "a=1"))
        request.identity = ClientIdentity(subject: "ann", claims: ["sub": "ann", "scope": #"["a","ü"]"#, "n": ""])
        let visitor = try stage.subscribe(entries[0], request)
        entries[0].replace(by: entries[1], in: stage.runtime)
        stage.turn()
        #expect(old.only.calls == ["open", "pull", "save", "close reloaded"])
        let told = new.only.request
        #expect(told.lastEventID == "42" && told.saved == Array("state".utf8))
        #expect(told.method == "POST" && told.path == "/fake/x%20y" && told.remoteAddress == "192.0.2.9")
        #expect(told.query == request.query && told.headers == request.headers && told.body == request.body)
        #expect(told.parameters.canonical == "a=1" && told.identity == request.identity)
        entries[1].replace(by: entries[2], in: stage.runtime)
        stage.turn()
        #expect(newest.only.request.lastEventID == "43" && newest.only.request.saved == nil)
        #expect(newest.only.request.headers == request.headers && newest.only.request.identity == request.identity)
        #expect(numbersAndMarks(of: visitor.text) == ["42 old", "43 new", "44 newest"])
    }

    @Test("without an id yet, the request's own is passed again; an empty id clears it")
    func withoutID() throws {
        for (id, expected) in [(nil, "7"), ("", nil)] as [(String?, String?)] {
            let old = FakeProducer(
                [
                    FakeProducer.Step { _, frames in
                        try! EventEncoder().encode(Event(data: "x", id: id), into: &frames)
                        return .wait(milliseconds: -1)
                    }
                ], isResumable: true)
            let new = FakeProducer(isResumable: true)
            let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
            var request = StreamRequest.plain
            request.lastEventID = "7"
            _ = try stage.subscribe(first, request)
            first.replace(by: second, in: stage.runtime)
            stage.turn()
            #expect(new.only.request.lastEventID == expected)
        }
    }

    @Test("a stream without events so far continues where its subscriber was, or from the beginning")
    func nothingYet() throws {
        for brought in ["7", nil] {
            let old = FakeProducer([.wait(-1)], isResumable: true)
            let new = FakeProducer.counting("new")
            let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
            var request = StreamRequest.plain
            request.lastEventID = brought
            let visitor = try stage.subscribe(first, request)
            first.replace(by: second, in: stage.runtime)
            stage.turn()
            #expect(new.only.request.lastEventID == brought)
            #expect(numbersAndMarks(of: visitor.text) == [brought == nil ? "1 new" : "8 new"])
            #expect(old.only.closeReasons == [.reloaded] && first.generation.isShutDown)
        }
    }

    @Test("events that wait for a slow subscriber come before those of the new code")
    func pendingBytes() throws {
        let (old, new) = (FakeProducer.counting("old"), FakeProducer.counting("new"))
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try stage.subscribe(first, room: 50)
        stage.pass(milliseconds: 50)
        #expect(visitor.socket.room == 0, "it is full in the midst of an event")
        let taken = old.only.stepsTaken
        first.replace(by: second, in: stage.runtime)
        stage.pass(milliseconds: 50)
        #expect(old.only.closeReasons == [.reloaded] && new.only.stepsTaken == 0)
        visitor.read(.max / 2)
        stage.pass(milliseconds: 30)
        let received = numbersAndMarks(of: visitor.text)
        #expect(received.prefix(taken) == (1...taken).map { "\($0) old" }[...])
        #expect(
            received.count > taken
                && received.dropFirst(taken).enumerated().allSatisfy { $1 == "\($0 + taken + 1) new" })
    }

    @Test("a stream without a connection continues as soon as it has one; one whose open is not answered, too")
    func early() throws {
        let pending = Mutex(true)
        let old = FakeProducer.counting(
            "old", opening: { _ in pending.withLock { $0 } ? .pending : .opened(headers: []) })
        let new = FakeProducer.counting("new")
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let unanswered = try stage.open(first)
        stage.turn()
        pending.withLock { $0 = false }
        let unattached = try stage.open(first)
        stage.turn()
        first.replace(by: second, in: stage.runtime)
        stage.turn()
        #expect(new.streams.isEmpty)
        #expect(stage.runtime.opened(unanswered.token, .opened(headers: [])))
        stage.turn()
        for visitor in [unanswered, unattached] {
            visitor.attach()
            stage.pass(milliseconds: 20)
            let received = numbersAndMarks(of: visitor.text)
            #expect(received[0] == "1 old" && received[1] == "2 new" && received[2] == "3 new")
        }
    }

    @Test(
        "a stream that the new code rejects stays, even after the deadline, and this is logged",
        arguments: ["rejected", "ended", "failed"])
    func refused(how: String) throws {
        let (old, newest) = (FakeProducer.counting("old"), FakeProducer.counting("newest"))
        let new = FakeProducer.counting(
            "new",
            opening: { _ in
                switch how {
                case "rejected": .rejected(status: 410, message: "gone")
                case "ended": .ended()
                default: .failed(log: "broken")
                }
            })
        let entries = [old, new, newest].enumerated().map { ProducerEntry($1, generation: $0 + 1) }
        let visitor = try stage.subscribe(entries[0])
        entries[0].replace(by: entries[1], in: stage.runtime)
        stage.turn()
        stage.runtime.end(entries[0].generation, .reloaded)
        stage.pass(milliseconds: 20)
        #expect(numbersAndMarks(of: visitor.text) == ["1 old", "2 old", "3 old"])
        #expect(entries[0].keptStreams == 1 && entries[1].ledger.opens == 0)
        #expect(
            stage.log.contains("warning: stream stays in its old generation: the new one does not continue it"))
        #expect(stage.runtime.figures().streams.open == 1 && stage.runtime.rowsInUse == 1)
        // The next generation is asked again.
        entries[0].setSuccessor(entries[2])
        stage.runtime.migrate(entries[0].generation)
        stage.pass(milliseconds: 10)
        #expect(numbersAndMarks(of: visitor.text).suffix(1) == ["5 newest"])
        #expect(old.only.closeReasons == [.reloaded])
    }

    @Test("a stream whose plugin was removed does not stay")
    func removed() throws {
        let (old, new) = (FakeProducer.counting("old"), FakeProducer.counting("new", opening: { _ in .ended() }))
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try stage.subscribe(first)
        first.replace(by: second, in: stage.runtime)
        stage.turn()
        stage.runtime.end(first.generation, .removed)
        stage.turn()
        #expect(old.only.closeReasons == [.removed])
        #expect(visitor.text.withoutFarewell != nil)
    }

    @Test("a stream that can't be continued drains, and is told at the deadline when to reconnect")
    func notResumable() throws {
        let old = FakeProducer.counting("old", isResumable: false)
        let (first, second) = (
            ProducerEntry(old, generation: 1), ProducerEntry(FakeProducer.counting("new"), generation: 2)
        )
        let visitor = try stage.subscribe(first)
        first.replace(by: second, in: stage.runtime)
        stage.pass(milliseconds: 10)
        stage.runtime.end(first.generation, .reloaded)
        stage.turn()
        #expect(numbersAndMarks(of: visitor.text) == ["1 old", "2 old"])
        #expect(visitor.text.withoutFarewell != nil && visitor.socket.isShutDown)
        #expect(old.only.closeReasons == [.reloaded])
    }

    @Test("a subscriber with a sink continues, with the token that it was given")
    func sink() throws {
        let (old, new, newest) = (
            FakeProducer.counting("old"), FakeProducer.counting("new"), FakeProducer.counting("newest")
        )
        let entries = [old, new, newest].enumerated().map { ProducerEntry($1, generation: $0 + 1) }
        let visitor = try stage.open(entries[0])
        stage.turn()
        let sink = FakeSink()
        stage.runtime.attach(visitor.token, to: .sink(sink), form: .reconnects)
        stage.turn()
        func drain() {
            stage.runtime.sinksDrained([visitor.token])
            stage.pass(milliseconds: 10)
        }
        for index in 0..<3 {
            for _ in 0..<3 { drain() }
            if index < 2 { entries[index].replace(by: entries[index + 1], in: stage.runtime) }
        }
        let received = numbersAndMarks(of: sink.text.withoutPreamble).map { $0.split(separator: " ").map(String.init) }
        #expect(received.map { $0[0] } == (1...received.count).map { "\($0)" })
        #expect(Set(received.map { $0[1] }) == ["old", "new", "newest"])
        #expect(sink.ends == [])
        stage.runtime.sinkClosed(visitor.token)
        stage.turn()
        #expect(newest.only.closeReasons == [.disconnected])
        #expect(stage.isIdle && stage.streams.moved.isEmpty)
    }

    @Test("a close that takes time delays the old generation, not the subscriber")
    func slowClose() throws {
        let (old, new) = (FakeProducer.counting("old", closing: { _, _ in false }), FakeProducer.counting("new"))
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitor = try stage.subscribe(first)
        first.replace(by: second, in: stage.runtime)
        stage.pass(milliseconds: 10)
        #expect(numbersAndMarks(of: visitor.text) == ["1 old", "2 new", "3 new"])
        #expect(!first.generation.isShutDown && first.ledger.open == 1)
        #expect(stage.runtime.closed(old.only.token))
        stage.turn()
        #expect(first.generation.isShutDown && first.ledger.open == 0)
    }

    @Test("thousands of streams switch in portions, and others get their events in between")
    func paced() throws {
        let (old, new) = (FakeProducer.counting("old", wait: -1), FakeProducer.counting("new", wait: -1))
        let (first, second) = (ProducerEntry(old, generation: 1), ProducerEntry(new, generation: 2))
        let visitors = try (0..<1000).map { _ in try stage.subscribe(first) }
        first.replace(by: second, in: stage.runtime)
        var turns = 0
        while new.streams.count < 1000 {
            let before = new.streams.count
            stage.runtime.turn()
            #expect(new.streams.count - before <= 64)
            turns += 1
        }
        stage.turn()
        #expect(turns >= 1000 / 64)
        #expect(visitors.allSatisfy { numbersAndMarks(of: $0.text) == ["1 old", "2 new"] })
        #expect(first.generation.isShutDown)
    }
}
