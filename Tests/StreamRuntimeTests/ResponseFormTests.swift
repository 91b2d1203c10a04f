import EventStream
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

/// How the same events are sent: in chunks or not, to a client that reconnects or one that does not.
@Suite("The form of a response")
struct ResponseFormTests {
    private func text(_ visitor: Visitor) -> String { String(decoding: visitor.socket.sent, as: UTF8.self) }

    private func decoded(_ visitor: Visitor) -> (frames: [String], isComplete: Bool) {
        var decoder = ChunkDecoder()
        let frames = decoder.feed(visitor.socket.sent).map { String(decoding: $0, as: UTF8.self) }
        #expect(!decoder.isMalformed)
        return (frames, decoder.isComplete)
    }

    @Test("in chunks, one for each frame; the empty one comes with the end")
    func chunks() throws {
        let stage = Stage()
        let visitor = try stage.subscribe(
            FakeProducer([.event("a"), .event("b"), .end]), form: [.chunked, .reconnects])
        let (frames, isComplete) = decoded(visitor)
        #expect(frames.dropFirst() == [frame("a")[...], frame("b")[...], finished[...]].map(String.init)[...])
        #expect(isComplete)
    }

    @Test("a client that does not reconnect gets no reconnection time and no end mark, but the empty chunk")
    func once() throws {
        let stage = Stage()
        let complete = try stage.subscribe(FakeProducer([.event("a"), .end]), form: .chunked)
        #expect(decoded(complete) == ([": sluice\n", frame("a")], true))
        let failed = try stage.subscribe(FakeProducer([.event("a"), .fail("no")]), form: .chunked)
        #expect(decoded(failed) == ([": sluice\n", frame("a"), "event: stream-error\ndata: no\n\n"], true))
        let plain = try stage.subscribe(FakeProducer([.event("a"), .end]), form: [])
        #expect(text(plain) == ": sluice\n" + frame("a"))
    }

    @Test("if the server ends a stream that does not reconnect, the response is incomplete", arguments: [true, false])
    func cutOff(isConnected: Bool) throws {
        let stage = Stage()
        let visitor = try stage.open(FakeProducer([.event("a", wait: -1)]))
        stage.turn()
        if isConnected {
            visitor.attach(form: .chunked)
            stage.turn()
        }
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        if !isConnected { visitor.attach(form: .chunked) }
        stage.turn()
        #expect(decoded(visitor) == ([": sluice\n"] + (isConnected ? [frame("a")] : []), false))
        #expect(visitor.socket.isShutDown)
    }

    @Test("a connection that is dropped is left incomplete, too")
    func dropped() throws {
        var limits = Limits()
        limits.writeDeadline = 1_000_000_000
        let stage = Stage(limits)
        let visitor = try stage.open(FakeProducer([FakeProducer.Step.event("a").repeated()]))
        stage.turn()
        visitor.attach(room: 1000, form: [.chunked, .reconnects])
        stage.pass(milliseconds: 5000)
        #expect(visitor.socket.isClosed && !decoded(visitor).isComplete)
    }

    @Test(
        "a producer's reconnection time is not replaced with the server's when the stream ends",
        arguments: [true, false])
    func producersRetry(isGiven: Bool) throws {
        let stage = Stage()
        let step = FakeProducer.Step { _, frames in
            let event = Event(data: "a", retryMilliseconds: isGiven ? 1500 : nil)
            try! EventEncoder().encode(event, into: &frames)
            return .wait(milliseconds: -1)
        }
        let visitor = try stage.subscribe(FakeProducer([step]), form: [.chunked, .reconnects])
        stage.runtime.end(nil, .expired)
        stage.turn()
        let (frames, isComplete) = decoded(visitor)
        #expect(isComplete)
        #expect(frames.dropFirst(2).count == (isGiven ? 0 : 1), "\(frames)")
        #expect(frames.dropFirst(2).allSatisfy { $0.hasPrefix("retry: ") })
    }

    @Test("a shared stream gives new subscribers its producer's reconnection time, and no other one at the end")
    func sharedRetry() throws {
        let stage = HubStage(loops: 2)
        let entry = stage.entry(HubOpeningTests.producer())
        let first = try stage.join(entry)
        stage.emit(entry, Event(data: "a", retryMilliseconds: 77))
        stage.emit(entry, data: "b")
        let second = try stage.join(entry)
        #expect(blocks(of: second.socket.sent).first?.retryMilliseconds == 77)
        #expect(blocks(of: first.socket.sent).first?.retryMilliseconds != 77)
        stage.runtime.end(nil, .shutdown)
        stage.turn()
        #expect(first.story == ["1:a", "2:b"] && second.story == [])
        var decoder = ChunkDecoder()
        _ = decoder.feed(second.socket.sent)
        #expect(decoder.isComplete)
    }

    @Test("subscribers of a shared stream over HTTP/1.0 get the same frames without chunks, wherever a write is split")
    func plainMembers() throws {
        for room in 0..<160 {
            let stage = HubStage(loops: 1 + room % 2)
            let entry = stage.entry(HubOpeningTests.producer())
            let chunked = try stage.join(entry)
            _ = try stage.join(entry)
            let plain = try stage.ask(entry)
            stage.turn()
            plain.attach(room: room, form: .reconnects)
            stage.turn()
            let sink = FakeSink()
            let plainSink = try stage.ask(entry)
            stage.turn()
            plainSink.attach(sink, form: .reconnects)
            stage.turn()
            stage.emit(entry, data: "first", "second")
            plain.read(11)
            stage.turn()
            stage.runtime.sinksDrained([plainSink.token])
            stage.emit(entry, data: "third")
            plain.read(1 << 20)
            for _ in 0..<5 {
                stage.turn()
                stage.runtime.sinksDrained([plainSink.token])
            }
            stage.emit(entry, data: "fourth")
            stage.turn()
            #expect(chunked.story == ["1:first", "2:second", "3:third", "4:fourth"])
            for bytes in [plain.socket.sent, Array(sink.batches.joined())] {
                let text = String(decoding: bytes, as: UTF8.self)
                let start = text.firstRange(of: "data:\n\n")!.upperBound
                #expect(String(text[start...]) == chunked.text, "room \(room)")
            }
        }
    }

    // MARK: The place in a history

    @Test(
        "a new subscriber gets its place, and misses nothing if it reconnects with that before its first event",
        arguments: [1, 2])
    func anchor(_ loops: Int) throws {
        let stage = HubStage(loops: loops)
        let entry = stage.entry(HubOpeningTests.producer())
        let first = try stage.join(entry)
        let anchor = try #require(first.anchor)
        #expect(anchor.hasSuffix("-0"))
        stage.emit(entry, data: "a")
        #expect(try stage.join(entry, lastEventID: anchor).story == ["1:a"])
        let second = try stage.join(entry)
        #expect(second.anchor == first.ids[0] && second.story == [])
        let third = try stage.join(entry, history: "1")
        #expect(third.anchor == anchor && third.story == ["1:a"])
        stage.emit(entry, Event(data: "b", id: "own"))
        let fourth = try stage.join(entry)
        #expect(fourth.anchor == "own", "what the producer gave says as much")
        stage.emit(entry, data: "c")
        for (id, story) in [(second.anchor!, ["[own]:b", "3:c"]), (fourth.anchor!, ["3:c"])] {
            let back = try stage.join(entry, lastEventID: id)
            #expect(back.anchor == nil && back.story == story, "who has an id keeps it")
        }
    }

    @Test("a hub's setting disables it; a response without a place is complete")
    func unanchored() throws {
        let stage = HubStage(.hubs { $0.isAnchored = false })
        let visitor = try stage.join(stage.entry(HubOpeningTests.producer()))
        #expect(visitor.anchor == nil)
        #expect(String(decoding: visitor.socket.sent, as: UTF8.self).hasSuffix(": sluice\n\r\n"))
    }

    // MARK: A peer that ends its sending side

    @Test("a FIN is answered with one comment, and the stream continues to its end", arguments: [true, false])
    func halfClosed(isShared: Bool) throws {
        let stage = HubStage()
        let producer = FakeProducer(isShared: isShared, hasNext: false)
        let entry = stage.entry(producer)
        let visitor = try stage.join(entry)
        stage.systems[0].halfClose(visitor.descriptor)
        stage.turn()
        #expect(visitor.story == ["keep-alive"])
        // Whatever makes the socket ready again, its input is not read again, and not answered.
        stage.systems[0].halfClose(visitor.descriptor)
        stage.turn()
        stage.emit(entry, data: "a")
        #expect(visitor.story == ["keep-alive", isShared ? "1:a" : "-:a"])
        #expect(producer.only.closeReasons == [])
        visitor.hangUp()
        stage.pass(milliseconds: 6000)
        #expect(producer.only.closeReasons == [.disconnected])
        #expect(stage.isIdle)
    }

    @Test("a peer that has ended its side is not waited for when the response is complete")
    func halfClosedEnd() throws {
        let stage = Stage()
        let visitor = try stage.subscribe(FakeProducer([.wait(-1), .event("a"), .end]))
        stage.system.halfClose(visitor.descriptor)
        stage.turn()
        stage.runtime.wake(visitor.token)
        stage.turn()
        #expect(visitor.text == ":\n" + frame("a") + finished)
        #expect(visitor.socket.isShutDown && visitor.socket.isClosed && stage.isIdle)
    }

    @Test("if bytes wait for a half-closed peer, it gets those instead of a comment")
    func halfClosedWhileFull() throws {
        let stage = Stage()
        let visitor = try stage.subscribe(FakeProducer([.event("a", wait: -1)]), room: 25)
        stage.system.halfClose(visitor.descriptor)
        stage.turn()
        visitor.read(1000)
        stage.turn()
        #expect(visitor.text == frame("a"))
    }
}
