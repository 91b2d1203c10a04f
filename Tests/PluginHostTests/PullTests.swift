import CSluice
import EventStream
import ProducerInterface
import TestSupport
import Testing

@testable import PluginHost

@Suite("Pulling events out of a plugin")
struct PullTests {
    private func open(_ name: String, limit: Int = 1 << 20) throws -> HandDrivenStream {
        let settings = PluginLoader.Settings(encoder: EventEncoder(maximumEventBytes: limit))
        let stream = try HandDrivenStream(loadFixture("NextAsTold", settings: settings), name)
        #expect(try stream.open().text == "opened ")
        return stream
    }

    private func text(_ outcome: PullOutcome) -> String {
        switch outcome {
        case .more: "more"
        case .wait(let milliseconds): "wait \(milliseconds)"
        case .ended: "ended"
        case .failed(let failure): "failed [\(failure.message ?? "-")] \(failure.log)"
        }
    }

    @Test("events are encoded one behind the other, until the end")
    func plain() throws {
        let stream = try HandDrivenStream(loadFixture("Plain"), "plain")
        _ = try stream.open()
        #expect(text(stream.pull()) == "ended")
        #expect(stream.frameCount == 3)
        #expect(stream.text() == "data: 1\n\ndata: 2\n\ndata: 3\n\n")
        #expect(stream.close(.completed))
    }

    @Test(
        "a broken contract ends the stream with a line that names the rule, and leaves no bytes",
        arguments: [
            ("nonsense", "next answered 99, which is not one of SLUICE_NEXT_…"),
            ("id-with-newline", "next returned an event in which id contains a newline"),
            ("id-with-nul", "next returned an event in which id contains a NUL"),
            ("type-with-newline", "next returned an event in which type contains a newline"),
            ("invalid-utf8", "next returned an event in which data is not valid UTF-8 at byte 2"),
            ("empty", "next returned an event in which the event has no fields"),
            (
                "endless-text",
                "next returned an event in which the event's data, type, id and comment are longer than 1048576 bytes"
            ),
            (
                "too-long",
                "next returned an event in which the event's data, type, id and comment are longer than 1048576 bytes"
            ),
            (
                "absurd-length",
                "next returned an event in which the event's data, type, id and comment are longer than 1048576 bytes"
            ),
            ("wait-below", "next set wait_ms to -2, which is below -1"),
            ("retry-below", "next returned an event in which retry_ms is -2, which is below -1"),
        ])
    func broken(name: String, rule: String) throws {
        let stream = try open(name)
        #expect(text(stream.pull()) == "failed [-] the contract of sluice.h was broken: \(rule)")
        #expect(stream.text() == "")
        #expect(stream.close(.failed))
    }

    @Test(
        "what next asks for",
        arguments: [
            ("wait", "wait 1500", ""),
            ("wait-until-woken", "wait -1", ""),
            ("event-then-wait", "wait 20", "data: x\n\n"),
            ("all-fields", "ended", "event: ti\nid: \nretry: 0\n: c\ndata: one\ndata: two\n\n"),
            (
                "reset", "ended",
                "event: clean\nid: 7\nretry: 3\n: clean\ndata: clean\n\nevent: clean\nid: 7\nretry: 3\n: clean\ndata: clean\n\n"
            ),
            ("fail", "failed [the feed is gone] the feed is gone", ""),
            ("fail-silently", "failed [-] next answered SLUICE_NEXT_ERROR without a reason", ""),
            ("emits", "wait -1", ""),
        ])
    func answers(name: String, outcome: String, bytes: String) throws {
        let stream = try open(name)
        #expect(text(stream.pull()) == outcome)
        #expect(stream.text() == bytes)
        #expect(StreamMaps.failure[stream.token] == nil)
        #expect(stream.close(.completed))
    }

    @Test("no more events than asked for, and none once there are bytes enough")
    func limits() throws {
        let stream = try open("for-ever")
        /// A pull ends after a millisecond, too, which this thread may wait for a processor: then there are fewer. Never more.
        func expect(_ wanted: Int, events: Int = 100, bytes: Int = 1 << 16) {
            var count = 0
            for _ in 0..<1000 where count != wanted {
                #expect(text(stream.pull(events: events, bytes: bytes)) == "more")
                count = stream.frameCount
                #expect(count <= wanted)
                _ = stream.text()
            }
            #expect(count == wanted)
        }
        for events in [1, 2, 3, 33] { expect(events, events: events) }
        // 18 bytes a frame.
        expect(2, bytes: 19)
        expect(1, bytes: 18)
        #expect(stream.close(.completed))
    }

    @Test("a slow next gives the loop back after about a millisecond")
    func timeBudget() throws {
        let stream = try open("slowly")
        #expect(text(stream.pull(events: 1000)) == "more")
        // 0.2 ms each, and the clock is looked at after 1, 2, 4, 8 and 16: 8 events, or fewer on a machine that was busy.
        #expect((1...8).contains(stream.frameCount))
        #expect(stream.close(.completed))
    }

    @Test("an event of exactly the limit passes, one byte more does not")
    func limit() throws {
        let exact = try open("for-ever", limit: 10)
        #expect(text(exact.pull(events: 1)) == "more")
        #expect(exact.close(.completed))
        let over = try open("for-ever", limit: 9)
        #expect(text(over.pull(events: 1)).contains("longer than 9 bytes"))
        #expect(over.close(.failed))
    }

    @Test("what a stream said through fail is forgotten when it closes without an error")
    func failWithoutError() throws {
        let stream = try open("for-ever")
        HostTable.pointer.pointee.fail(stream.token.handle, "almost")
        #expect(StreamMaps.failure[stream.token] == "almost")
        #expect(stream.close(.disconnected))
        #expect(StreamMaps.failure[stream.token] == nil)
    }
}
