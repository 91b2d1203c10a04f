import EventStream
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

/// Two loops: the hub's stream and one subscriber are on the first, another subscriber is on the second, which only
/// turns when told to.
@Suite("A loop that does not keep up with a hub")
struct HubCongestionTests {
    let stage = HubStage(loops: 2)

    private func hub(of producer: FakeProducer) -> Hub {
        let streams = stage.runtime.loops[0]
        return streams.table[streams.slot(producer.streams.last!.token)!].pointee.hub
    }

    /// Publishes numbers, each in its own batch, while only the home loop turns.
    private func publish(_ numbers: ClosedRange<Int>, through producer: FakeProducer) {
        for number in numbers {
            let outcome = stage.runtime.emit(producer.streams.last!.token) { frames in
                (try? EventEncoder().encode(Event(data: "\(number)"), into: &frames)) != nil
            }
            #expect(outcome == .accepted)
            turnHome()
        }
    }

    private func turnHome() {
        for _ in 0..<4 { stage.runtime.loops[0].loop.turn(waitingAtMost: 0) }
    }

    private func numbers(_ range: ClosedRange<Int>) -> [String] { range.map { "\($0):\($0)" } }

    @Test("the stream is held after a number of batches, and continues when the loop has delivered them, without loss")
    func held() throws {
        let producer = HubOpeningTests.producer()
        let entry = stage.entry(producer)
        let (near, far) = (try stage.join(entry), try stage.join(entry))
        publish(1...HubLink.batchesMax, through: producer)
        #expect(!hub(of: producer).isHeld && near.story == numbers(1...HubLink.batchesMax) && far.story == [])
        publish(HubLink.batchesMax + 1...40, through: producer)
        #expect(hub(of: producer).isHeld)
        #expect(near.story == numbers(1...HubLink.batchesMax), "what is held back, is held back for all")
        stage.turn()
        #expect(!hub(of: producer).isHeld)
        #expect(near.story == numbers(1...40) && far.story == numbers(1...40))
        publish(41...60, through: producer)
        stage.turn()
        #expect(far.story == numbers(1...60))
    }

    @Test("while it is held, its next is not called, and its emits fill its queue until they are rejected")
    func backpressure() throws {
        let producer = FakeProducer(
            [.event("0123456789", wait: 1).repeated()], isShared: true)
        let entry = stage.entry(producer)
        let (near, far) = (try stage.join(entry), try stage.join(entry))
        #expect(near.story.count == 1 && far.story.isEmpty)
        let system = stage.systems[0]
        for _ in 0..<100 {
            system.advance(nanoseconds: 2_000_000)
            turnHome()
        }
        #expect(hub(of: producer).isHeld)
        let taken = producer.only.stepsTaken
        #expect(taken < 40 && near.story.count >= HubLink.batchesMax)
        var outcomes: [EmitOutcome] = []
        for _ in 0..<5 {
            outcomes.append(
                stage.runtime.emit(producer.only.token) { frames in
                    let event = Event(data: String(repeating: "x", count: 20_000))
                    return (try? EventEncoder().encode(event, into: &frames)) != nil
                })
            turnHome()
        }
        #expect(outcomes.first == .accepted && outcomes.last == .full)
        stage.turn()
        system.advance(nanoseconds: 2_000_000)
        stage.turn()
        #expect(producer.only.stepsTaken > taken, "it goes on")
        #expect(near.story.dropFirst() == far.story[...], "the second came behind the first event")
    }

    @Test("the last subscriber of the loop that holds the stream leaves: the stream continues for the others")
    func unlinked() throws {
        let producer = HubOpeningTests.producer()
        let entry = stage.entry(producer)
        let (near, far) = (try stage.join(entry), try stage.join(entry))
        publish(1...30, through: producer)
        #expect(hub(of: producer).isHeld && near.story.count == HubLink.batchesMax)
        far.system.hangUp(far.descriptor)
        // It sees the hang-up before it takes the waiting batches.
        stage.runtime.loops[1].loop.turn(waitingAtMost: 0)
        turnHome()
        #expect(near.story == numbers(1...30))
        #expect(hub(of: producer).links.isEmpty && !hub(of: producer).isHeld)
        publish(31...60, through: producer)
        #expect(near.story == numbers(1...60), "nobody is waited for any more")
        // It reconnects, and finds everything in the history.
        stage.turn()
        let back = try stage.ask(entry, lastEventID: near.ids[9])
        stage.turn()
        back.attach()
        stage.turn()
        #expect(back.story == numbers(11...60))
    }

    @Test(
        "a blocking stream that ends while it is held is closed at once, and its events are delivered before its end"
    )
    func endsWhileHeld() async throws {
        let producer = FakeProducer(
            [.wait(-1), .event("x").repeated(50), .end], isNonblocking: false, isShared: true)
        let entry = stage.entry(producer)
        let visitors = [try stage.ask(entry), try stage.ask(entry)]
        #expect(
            await eventually {
                stage.turn()
                return visitors.allSatisfy { $0.door.answers == ["stream"] }
            })
        for visitor in visitors { visitor.attach() }
        stage.turn()
        publish(1...HubLink.batchesMax + 1, through: producer)
        #expect(hub(of: producer).isHeld)
        #expect(await eventually { producer.only.stepsTaken == 1 })
        stage.runtime.wake(producer.only.token)
        #expect(
            await eventually {
                turnHome()
                return producer.only.closeReasons == [.completed]
            })
        let all = numbers(1...HubLink.batchesMax + 1) + (18...67).map { "\($0):x" } + ["end"]
        #expect(
            await eventually {
                turnHome()
                return visitors[0].story == all
            })
        #expect(visitors[1].story == [])
        stage.turn()
        #expect(visitors[1].story == all)
        for visitor in visitors { visitor.hangUp() }
        #expect(
            await eventually {
                stage.turn()
                return stage.isIdle
            })
        #expect(entry.ledger.reasons == [.completed: 1] && entry.leavesByReason == [.completed: 2])
    }
}
