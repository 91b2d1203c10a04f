import ProducerInterface
import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("Announcements to a plugin's subscribers")
struct AnnouncingTests {
    private let news = Array("event: sluice-build\ndata: news\n\n".utf8)
    private var newsText: String { String(decoding: news, as: UTF8.self) }

    @Test("one arrives between two events, only in streams of that plugin, and does not count as their event")
    func exclusive() throws {
        let stage = Stage()
        let visitor = try stage.subscribe(FakeProducer([.event("a", wait: 5), .event("b"), .end]))
        stage.runtime.announce(news, to: "others")
        stage.runtime.announce(news, to: "fakes")
        stage.turn()
        stage.pass(milliseconds: 5)
        #expect(visitor.text == frame("a") + newsText + frame("b") + finished)
        #expect(stage.log.contains("events=2"))
    }

    @Test(
        "wherever the socket is full, all of it arrives, and all events, none inside another", arguments: [1, 2])
    func roomOfExclusive(events: Int) throws {
        for room in 0..<120 {
            let stage = Stage()
            let producer = FakeProducer([.event("first", wait: events == 1 ? -1 : 0), .event("second", wait: -1)])
            let visitor = try stage.subscribe(producer, room: room, form: [.chunked, .reconnects])
            stage.runtime.announce(news, to: "fakes")
            stage.turn()
            visitor.read(1000)
            stage.turn()
            stage.runtime.wake(visitor.token)
            stage.turn()
            let story = story(of: visitor.socket.sent)
            #expect(story.filter { $0 != "-:news" } == ["-:first", "-:second"], "room \(room): \(story)")
            #expect(story.count == 3, "room \(room): \(story)")
        }
    }

    @Test("the same for subscribers of a shared stream; it is not kept in the history", arguments: [1, 2])
    func roomOfShared(loops: Int) throws {
        for room in 0..<200 {
            let stage = HubStage(loops: loops)
            let entry = stage.entry(FakeProducer(isShared: true, hasNext: false))
            let free = try stage.join(entry)
            let slow = try stage.join(entry, room: room)
            stage.emit(entry, data: "first")
            stage.runtime.announce(news, to: "fakes")
            stage.turn()
            stage.emit(entry, data: "second")
            slow.read(1000)
            stage.turn()
            #expect(free.story == ["1:first", "-:news", "2:second"])
            #expect(slow.story.filter { $0 != "-:news" } == ["1:first", "2:second"], "room \(room): \(slow.story)")
            #expect(slow.story.count == 3, "room \(room): \(slow.story)")
            #expect(try stage.join(entry, history: "all").story == ["1:first", "2:second"])
        }
    }

    @Test("a sink gets it as a separate batch, in its turn")
    func sinks() throws {
        let stage = HubStage()
        let entry = stage.entry(FakeProducer(isShared: true, hasNext: false))
        let sink = FakeSink()
        let visitor = try stage.ask(entry)
        stage.turn()
        visitor.attach(sink)
        stage.turn()
        func drain() {
            stage.runtime.sinksDrained([visitor.token])
            stage.turn()
        }
        drain()
        stage.runtime.announce(news, to: "fakes")
        stage.turn()
        #expect(story(of: Array(sink.batches.joined())) == ["-:news"])
        stage.emit(entry, data: "a")
        #expect(story(of: Array(sink.batches.joined())) == ["-:news"], "it is busy")
        drain()
        #expect(story(of: Array(sink.batches.joined())) == ["-:news", "1:a"])
        stage.runtime.announce(news, to: "fakes")
        stage.turn()
        drain()
        #expect(story(of: Array(sink.batches.joined())) == ["-:news", "1:a", "-:news"])
        drain()
        stage.emit(entry, data: "b")
        #expect(story(of: Array(sink.batches.joined())) == ["-:news", "1:a", "-:news", "2:b"])
    }

    @Test("a stream without a connection, or at its end, gets none")
    func others() throws {
        let stage = Stage()
        let waiting = try stage.open(FakeProducer([.event("a", wait: -1)]))
        stage.turn()
        let ended = try stage.subscribe(FakeProducer([.end]))
        stage.runtime.announce(news, to: "fakes")
        stage.turn()
        waiting.attach()
        stage.turn()
        #expect(waiting.text == frame("a"))
        #expect(ended.text == finished)
    }

    @Test("a subscriber with a long queue gets none; this is logged")
    func slow() throws {
        let stage = Stage()
        let visitor = try stage.subscribe(FakeProducer([.event("a", wait: -1)]), room: 0)
        let large = [UInt8](repeating: UInt8(ascii: ":"), count: Announcement.room / 2) + Array("\n\n".utf8)
        for _ in 0..<3 { stage.runtime.announce(large, to: "fakes") }
        stage.turn()
        #expect(stage.log.lines.count { $0.contains("too slowly to be sent the result of a build") } == 2)
        visitor.read(.max / 2)
        stage.turn()
        #expect(visitor.text.count < large.count * 2 && visitor.text.hasSuffix(frame("a")))
    }

    @Test("a connection that breaks at this moment ends its stream")
    func gone() throws {
        let stage = Stage()
        let producer = FakeProducer([.event("a", wait: -1)])
        let visitor = try stage.subscribe(producer)
        stage.system.breakSilently(visitor.descriptor)
        stage.runtime.announce(news, to: "fakes")
        stage.turn()
        #expect(producer.only.closeReasons == [.disconnected])
        #expect(stage.isIdle)
    }
}
