import EventStream
import ProducerInterface
import StreamLoop
import Synchronization
import SystemCalls
import TestSupport
import Testing

@testable import StreamRuntime

@Suite("Handoff", .timeLimit(.minutes(5)))
struct HandoffTests {
    let token = StreamToken(loop: 0, slot: 1, epoch: 1)

    func encode(_ text: String, _ handoff: Handoff) -> (EmitOutcome, tellLoop: Bool) {
        handoff.emit { frames in (try? EventEncoder().encode(Event(data: text), into: &frames)) != nil }
    }

    @Test("frames come out as they went in, counted; the loop is only notified of the first")
    func queue() {
        let handoff = Handoff(limitBytes: 1000, isMarked: false)
        #expect(encode("a", handoff) == (.accepted, true))
        #expect(encode("b", handoff) == (.accepted, false))
        var output = FrameBuffer(capacity: 16, isChunked: true)
        try! EventEncoder().encode(Event(data: "kept"), into: &output)
        let taken = handoff.take(into: &output)
        #expect(taken.finish == nil && !taken.isRoomWanted)
        #expect(output.frameCount == 3)
        output.removeChunks()
        #expect(String(decoding: output.bytes, as: UTF8.self) == frame("kept") + frame("a") + frame("b"))
        #expect(encode("c", handoff) == (.accepted, true))
    }

    @Test("a full queue refuses until it is taken, and then reports that room was wanted")
    func full() {
        let handoff = Handoff(limitBytes: 10, isMarked: false)
        #expect(encode("0123456789", handoff).0 == .accepted)
        #expect(encode("a", handoff) == (.full, false))
        var output = FrameBuffer(capacity: 16, isChunked: true)
        #expect(handoff.take(into: &output).isRoomWanted)
        #expect(!handoff.take(into: &output).isRoomWanted)
        #expect(encode("a", handoff).0 == .accepted)
    }

    @Test("nothing is accepted after it has ended, was cancelled, or has finished")
    func over() {
        let (ended, cancelled, finished) = (
            Handoff(limitBytes: 10, isMarked: false), Handoff(limitBytes: 10, isMarked: false),
            Handoff(limitBytes: 10, isMarked: false)
        )
        ended.end()
        cancelled.cancel(.slow)
        #expect(finished.finish(.ended) == nil)
        for handoff in [ended, cancelled, finished] { #expect(encode("a", handoff).0 == .over) }
    }

    @Test("the first reason counts: the end that the thread saw, or the reason given to it")
    func reasons() {
        let first = Handoff(limitBytes: 10, isMarked: false)
        first.cancel(.slow)
        first.cancel(.shutdown)
        #expect(first.finish(.ended) == .slow && first.isCancelled == .slow)
        let second = Handoff(limitBytes: 10, isMarked: false)
        #expect(second.finish(.ended) == nil)
        second.cancel(.slow)
        #expect(second.isCancelled == nil)
        var output = FrameBuffer(capacity: 16, isChunked: true)
        guard case .ended = second.take(into: &output).finish else {
            Issue.record("the end is lost")
            return
        }
    }

    @Test("a put waits for room, and only for that", arguments: [false, true])
    func putWaits(_ isCancelled: Bool) async {
        let handoff = Handoff(limitBytes: 10, isMarked: false)
        handoff.becomeThreaded(with: [])
        let results = Mutex<[String]>([])
        #expect(
            startThread(named: "putter", stackBytes: 1 << 18) {
                for text in ["0123456789", "b"] {
                    var frames = FrameBuffer(capacity: 16, isChunked: true)
                    try! EventEncoder().encode(Event(data: text), into: &frames)
                    let (reason, tellLoop) = handoff.put(frames)
                    results.withLock { $0.append("\(reason?.name ?? "put") \(tellLoop)") }
                }
            })
        #expect(await eventually { results.withLock { $0.count } == 1 })
        #expect(results.withLock { $0 } == ["put true"])
        var output = FrameBuffer(capacity: 16, isChunked: true)
        if isCancelled { handoff.cancel(.slow) } else { _ = handoff.take(into: &output) }
        #expect(await eventually { results.withLock { $0.count } == 2 })
        #expect(results.withLock { $0 } == ["put true", isCancelled ? "slow false" : "put true"])
    }

    @Test("a rest is reported once, ends when it is over, and the next rest is a different one")
    func rests() {
        let handoff = Handoff(limitBytes: 10, isMarked: false)
        handoff.becomeThreaded(with: [])
        #expect(handoff.wantRest() == 1)
        guard case .rest(1) = handoff.wait(until: .max), case .time = handoff.wait(until: 0) else {
            Issue.record("one rest, told of once")
            return
        }
        handoff.endRest()
        #expect(handoff.waitWhileResting().map { _ in 0 } == nil)
        #expect(handoff.wantRest() == 2)
        #expect(
            handoff.waitWhileResting().map { _ in 0 } == nil,
            "it is told of the second one, and does not sleep through it")
        guard case .rest(2) = handoff.wait(until: .max) else {
            Issue.record("the second one")
            return
        }
        handoff.cancel(.reloaded)
        #expect(handoff.waitWhileResting().map { _ in 0 } == nil)
    }

    @Test("what is held stays, leaves no room for emitted events, and is there when the rest is over")
    func held() {
        let handoff = Handoff(limitBytes: 1000, isMarked: false)
        var output = FrameBuffer(capacity: 100, isChunked: true)
        handoff.becomeThreaded(with: [])
        func put(_ text: String) {
            var frames = FrameBuffer(capacity: 100, isChunked: true)
            try! EventEncoder().encode(Event(data: text), into: &frames)
            #expect(handoff.put(frames).0 == nil)
        }
        put("before")
        #expect(handoff.hold(into: &output).map { _ in 0 } == nil)
        output.removeChunks()
        #expect(String(decoding: output.bytes, as: UTF8.self) == frame("before"))
        put("meanwhile")
        guard case (.full, false) = handoff.emit({ _ in true }) else {
            Issue.record("an emit was taken")
            return
        }
        handoff.endRest()
        output.removeAll()
        #expect(handoff.take(into: &output).isRoomWanted)
        output.removeChunks()
        #expect(String(decoding: output.bytes, as: UTF8.self) == frame("meanwhile"))
    }

    @Test("a wait ends at its deadline, with a wake, a due call, or the end")
    func waits() {
        let handoff = Handoff(limitBytes: 10, isMarked: false)
        handoff.becomeThreaded(with: [])
        let now = monotonicNanoseconds()
        func name(_ wake: Handoff.Wake) -> String {
            switch wake {
            case .time: "time"
            case .woken: "woken"
            case .rest(let number): "rest \(number)"
            case .call(let call): "call \(call.call.context)"
            case .cancelled(let reason): "cancelled \(reason.name)"
            }
        }
        #expect(name(handoff.wait(until: now + 3_000_000)) == "time")
        #expect(monotonicNanoseconds() >= now + 3_000_000)
        handoff.wakeThread()
        #expect(name(handoff.wait(until: .max)) == "woken")
        #expect(name(handoff.wait(until: 0)) == "time", "a wake is used up")
        handoff.schedule(due: now + 10_000_000, stream: token, ProducerCall(function: 0, context: 5))
        #expect(name(handoff.wait(until: .max)) == "call 5")
        #expect(monotonicNanoseconds() >= now + 10_000_000)
        handoff.cancel(.removed)
        #expect(name(handoff.wait(until: .max)) == "cancelled removed")
    }

    @Test("a sleep lasts its time, or until a wake; the end makes it false at once")
    func sleeps() {
        let handoff = Handoff(limitBytes: 10, isMarked: false)
        #expect(handoff.sleep(milliseconds: 1) == nil, "without a thread there is no sleep")
        handoff.becomeThreaded(with: [])
        let now = monotonicNanoseconds()
        #expect(handoff.sleep(milliseconds: 5) == true)
        #expect(monotonicNanoseconds() - now >= 5_000_000)
        handoff.wakeThread()
        #expect(handoff.sleep(milliseconds: .max) == true)
        handoff.cancel(.slow)
        #expect(handoff.sleep(milliseconds: .max) == false)
        #expect(handoff.sleep(milliseconds: 0) == false)
    }
}
