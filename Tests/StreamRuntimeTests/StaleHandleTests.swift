import Glibc
import ProducerInterface
import StreamLoop
import TestSupport
import Testing

@testable import StreamRuntime

/// The calls that a plugin's threads can make between its last call about a stream and the moment when the stream's
/// loop knows.
@Suite("Handles of streams that have ended", .timeLimit(.minutes(5)))
struct StaleHandleTests {
    @Test("after closed, no service answers, even while the loop does not know", arguments: Home.allCases)
    func closed(_ home: Home) async throws {
        let homed = HomedStream(home, closing: { _, _ in false })
        let visitor = try await homed.live()
        homed.runtime.end(nil, .shutdown)
        #expect(await eventually { homed.stream.closeReasons == [.shutdown] })
        try await homed.withLoopHeld {
            #expect(homed.runtime.closed(homed.token))
            #expect(homed.servicesThatAnswer() == [])
        }
        visitor.hangUp()
        #expect(await homed.stage.isIdle())
        #expect(homed.producer.violations == [])
    }

    @Test("after a later rejection, no service answers", arguments: Home.pending)
    func refused(_ home: Home) async throws {
        let homed = HomedStream(home, opening: { _ in .pending })
        let visitor = try await homed.begin()
        try await homed.withLoopHeld {
            #expect(homed.runtime.opened(homed.token, .rejected(status: 503, message: "no")))
            #expect(homed.servicesThatAnswer() == [])
        }
        #expect(await eventually { visitor.door.answers == ["rejected 503 no"] })
        #expect(await homed.stage.isIdle())
        #expect(homed.stream.calls == ["open"])
    }

    @Test("after close has returned on the stream's thread, no service answers", arguments: Home.threads)
    func closedOnItsThread(_ home: Home) async throws {
        let homed = HomedStream(home)
        let visitor = try await homed.live()
        try await homed.withLoopHeld {
            homed.end()
            #expect(await eventually { homed.runtime.figures().streams.threads == 0 })
            #expect(homed.stream.closeReasons == [.completed])
            #expect(homed.servicesThatAnswer() == [])
        }
        visitor.hangUp()
        #expect(await homed.stage.isIdle())
    }

    @Test(
        "a call that reaches the loop after the end of a stream whose connection still exists is dropped",
        arguments: [Home.loop, .thread, .demoted, .fallenBack])
    func scheduledLate(_ home: Home) async throws {
        let homed = HomedStream(home)
        let visitor = try await homed.live()
        homed.end()
        #expect(await eventually { homed.entry.ledger.closes == 1 })
        let token = homed.token
        let left = await homed.stage.onLoop { streams in
            streams.schedule(token, due: 0, .forbidden)
            return streams.scheduled.count
        }
        #expect(left == 0)
        visitor.hangUp()
        #expect(await homed.stage.isIdle())
    }

    @Test(
        "threads that schedule until they are stopped do not prevent streams from ending", arguments: [true, false])
    func hammering(isNonblocking: Bool) async throws {
        let stage = ThreadStage()
        unowned let runtime = stage.runtime
        let (begun, ended) = (Counter(), Counter())
        let producer = FakeProducer(
            [.end], isNonblocking: isNonblocking,
            closing: { stream, _ in
                _ = startThread(named: "hammer", stackBytes: 64 * 1024) {
                    begun.count()
                    while runtime.schedule(stream.token, afterNanoseconds: 1 << 50, .nothing) != .over {
                        // So that sixty of them leave a processor for the loop.
                        usleep(5)
                    }
                    ended.count()
                }
                begun.wait()
                return true
            })
        let entry = stage.entry(producer)
        var visitors: [RealVisitor] = []
        for _ in 0..<60 { visitors.append(try await stage.subscribe(entry)) }
        #expect(await eventually(within: .seconds(30)) { ended.value == 60 })
        #expect(entry.ledger.closes == 60)
        for visitor in visitors { visitor.hangUp() }
        #expect(await stage.isIdle())
        #expect(await stage.onLoop { $0.scheduled.count } == 0)
    }
}
