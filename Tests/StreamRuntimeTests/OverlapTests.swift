import ProducerInterface
import StreamLoop
import Synchronization
import TestSupport
import Testing

@testable import StreamRuntime

/// What sluice.h promises never to happen at the same time, and the tests that try to make it happen. Each keeps one
/// call running while another thread provokes the other.
///
/// | these two | tested here, or elsewhere |
/// |---|---|
/// | `open`, `next` and `close` of one stream | `FakeStream` and the ledger of the fixtures watch each test; `Simulation`, `ThreadStorm` |
/// | `interrupt` and a rejection through `opened` | `interruptAndRefusal`; from inside it: `refusalFromInterrupt` |
/// | `interrupt` and `close` | `interruptAndClose`; after an `opened` that accepts: `interruptAndAccepted` |
/// | `interrupt` before `open` has returned | `FakeStream`, the ledger; `DisconnectTests.duringOpen` |
/// | a scheduled call and the return of `closed` | `callAndClosed`; from inside it: `closedFromCall` |
/// | a scheduled call and the return of a rejection | `callAndRefusal` |
/// | a scheduled call after `closed` or a rejection | `callBehindClosed`; `SchedulingTests.silence`, `StaleHandleTests` |
/// | a scheduled call and `open`, `next`, `close` | `BlockingStreamTests.scheduled`; on a loop there is one thread |
/// | `save` and `close` | `saveAndClose`; and `next`: `MigratingThreadTests.saves` |
/// | `shutdown` and a scheduled call, or `closed` that waits for it | `callAndShutdown` |
/// | `shutdown` and the last `close` | `GenerationTests.race`; the ledger |
/// | a bound function's handler after `close`, `closed`, a rejection | `BindTests`: it is not called; a running one continues |
///
/// Two things can happen at the same time, as the header says: the new generation's `open` of a resumable stream, and
/// all of the old one's functions except `close` (`MigratingThreadTests.blocked`); a handler that is running, and
/// whatever ends its stream.
@Suite("Calls that must not overlap", .timeLimit(.minutes(5)))
struct OverlapTests {
    /// Calls a function on its own thread, and records it if that returns while the other call is running.
    private func call(_ function: @escaping @Sendable () -> Void, against call: DwellingCall, _ returned: Counter) {
        _ = startThread(named: "caller", stackBytes: 128 * 1024) {
            function()
            call.noteIfInside()
            returned.count()
        }
    }

    @Test("a rejection returns after the running interrupt", arguments: Home.pending)
    func interruptAndRefusal(_ home: Home) async throws {
        let (interrupt, returned) = (DwellingCall(), Counter())
        let homed = HomedStream(
            home, opening: { _ in .pending }, interrupted: { _ in interrupt.stay { returned.value > 0 } })
        let visitor = try await homed.begin()
        home.isShared ? homed.runtime.end(nil, .shutdown) : visitor.leave()
        #expect(await eventually { interrupt.isEntered })
        let (runtime, token) = (homed.runtime, homed.token)
        call({ _ = runtime.opened(token, .ended()) }, against: interrupt, returned)
        #expect(await eventually { returned.value == 1 })
        #expect(interrupt.caughtCount == 0 && homed.stream.interrupts == 1)
        #expect(await homed.stage.isIdle())
    }

    @Test("an interrupt can reject by itself, without waiting for itself", arguments: Home.pending)
    func refusalFromInterrupt(_ home: Home) async throws {
        let answers = Mutex<[Bool]>([])
        let services = Mutex<Runtime?>(nil)
        let homed = HomedStream(
            home, opening: { _ in .pending },
            interrupted: { stream in
                let answer = services.withLock(\.self)!.opened(stream.token, .ended())
                answers.withLock { $0.append(answer) }
            })
        services.withLock { $0 = homed.runtime }
        defer { services.withLock { $0 = nil } }
        let visitor = try await homed.begin()
        home.isShared ? homed.runtime.end(nil, .shutdown) : visitor.leave()
        #expect(await homed.stage.isIdle())
        // The rejection takes effect before it has returned to the interrupt.
        #expect(await eventually { answers.withLock(\.self) == [true] })
        #expect(homed.stream.calls == ["open"])
    }

    @Test("a close waits until the running interrupt has returned", arguments: [Home.thread, .hubThread])
    func interruptAndClose(_ home: Home) async throws {
        let (interrupt, isInNext, mayReturn, closed) = (DwellingCall(), Counter(), Counter(), Counter())
        let homed = HomedStream(
            home,
            pulling: {
                isInNext.count()
                mayReturn.wait()
            },
            closing: { _, _ in
                interrupt.noteIfInside()
                closed.count()
                return true
            },
            interrupted: { _ in
                mayReturn.count()
                interrupt.stay { closed.value > 0 }
            })
        let visitor = try await homed.live()
        #expect(await eventually { isInNext.value == 1 })
        visitor.hangUp()
        #expect(await homed.stage.isIdle())
        #expect(interrupt.isEntered && interrupt.caughtCount == 0 && closed.value == 1)
        #expect(homed.producer.violations == [])
    }

    @Test("so does one that follows an open that was accepted meanwhile", arguments: [Home.loop, .thread])
    func interruptAndAccepted(_ home: Home) async throws {
        let (interrupt, closed) = (DwellingCall(), Counter())
        let homed = HomedStream(
            home, opening: { _ in .pending },
            closing: { _, _ in
                interrupt.noteIfInside()
                closed.count()
                return true
            },
            interrupted: { _ in interrupt.stay { closed.value > 0 } })
        let visitor = try await homed.begin()
        visitor.leave()
        #expect(await eventually { interrupt.isEntered })
        #expect(homed.runtime.opened(homed.token, .opened(headers: [])))
        #expect(await homed.stage.isIdle())
        #expect(interrupt.caughtCount == 0 && homed.stream.closeReasons == [.disconnected])
    }

    @Test("closed returns after the running scheduled call", arguments: Home.allCases)
    func callAndClosed(_ home: Home) async throws {
        let (scheduled, returned) = (DwellingCall(), Counter())
        let homed = HomedStream(home, closing: { _, _ in false })
        let visitor = try await homed.live()
        homed.runtime.end(nil, .shutdown)
        #expect(await eventually { homed.stream.closeReasons == [.shutdown] })
        #expect(homed.schedule { scheduled.stay { returned.value > 0 } })
        #expect(await eventually { scheduled.isEntered })
        let (runtime, token) = (homed.runtime, homed.token)
        call({ _ = runtime.closed(token) }, against: scheduled, returned)
        #expect(await eventually { returned.value == 1 })
        #expect(scheduled.caughtCount == 0)
        visitor.hangUp()
        #expect(await homed.stage.isIdle())
    }

    @Test("a rejection returns after the running scheduled call", arguments: Home.pending)
    func callAndRefusal(_ home: Home) async throws {
        let (scheduled, returned) = (DwellingCall(), Counter())
        let homed = HomedStream(home, opening: { _ in .pending })
        let visitor = try await homed.begin()
        #expect(homed.schedule { scheduled.stay { returned.value > 0 } })
        #expect(await eventually { scheduled.isEntered })
        let (runtime, token) = (homed.runtime, homed.token)
        call({ _ = runtime.opened(token, .ended()) }, against: scheduled, returned)
        #expect(await eventually { returned.value == 1 })
        #expect(scheduled.caughtCount == 0)
        #expect(await eventually { visitor.door.answers == ["ended"] })
        #expect(await homed.stage.isIdle())
    }

    @Test("a scheduled call can complete the close by itself, without waiting for itself", arguments: Home.allCases)
    func closedFromCall(_ home: Home) async throws {
        let homed = HomedStream(home, closing: { _, _ in false })
        let visitor = try await homed.live()
        homed.runtime.end(nil, .shutdown)
        #expect(await eventually { homed.stream.closeReasons == [.shutdown] })
        let (runtime, token) = (homed.runtime, homed.token)
        #expect(homed.schedule { _ = runtime.closed(token) })
        visitor.hangUp()
        #expect(await homed.stage.isIdle())
    }

    @Test("after closed, no scheduled call begins", arguments: Home.allCases)
    func callBehindClosed(_ home: Home) async throws {
        let calls = Counter()
        let homed = HomedStream(home, closing: { _, _ in false })
        let visitor = try await homed.live()
        homed.runtime.end(nil, .shutdown)
        #expect(await eventually { homed.stream.closeReasons == [.shutdown] })
        try await homed.withLoopHeld {
            // On its way to the stream's home, through the loop.
            #expect(homed.schedule { calls.count() })
            #expect(homed.runtime.closed(homed.token))
        }
        visitor.hangUp()
        #expect(await homed.stage.isIdle())
        #expect(calls.value == 0)
        #expect(await homed.stage.onLoop { $0.scheduled.count } == 0)
    }

    @Test("the shutdown of a generation waits for the scheduled call that closed waits for", arguments: Home.allCases)
    func callAndShutdown(_ home: Home) async throws {
        let (scheduled, returned, isShutDown) = (DwellingCall(), Counter(), Counter())
        let homed = HomedStream(
            home, closing: { _, _ in false },
            shutdown: {
                scheduled.noteIfInside()
                isShutDown.count()
            })
        let visitor = try await homed.live()
        homed.generation.retire()
        homed.runtime.end(nil, .shutdown)
        #expect(await eventually { homed.stream.closeReasons == [.shutdown] })
        #expect(homed.schedule { scheduled.stay { isShutDown.value > 0 } })
        #expect(await eventually { scheduled.isEntered })
        let (runtime, token) = (homed.runtime, homed.token)
        call({ _ = runtime.closed(token) }, against: scheduled, returned)
        #expect(await eventually { returned.value == 1 && isShutDown.value == 1 })
        #expect(scheduled.caughtCount == 0)
        visitor.hangUp()
        #expect(await homed.stage.isIdle())
    }

    @Test(
        "a subscriber disconnects during save: close follows after save has returned", arguments: [Home.thread, .loop])
    func saveAndClose(_ home: Home) async throws {
        let (save, closed) = (DwellingCall(), Counter())
        let homed = HomedStream(
            home,
            closing: { _, _ in
                save.noteIfInside()
                closed.count()
                return true
            },
            saving: { _ in
                save.stay { closed.value > 0 }
                return nil
            })
        let visitor = try await homed.live()
        let newer = ProducerEntry(
            producer: FakeProducer([], isNonblocking: home.isNonblocking, isResumable: true),
            generation: Generation(plugin: "fakes", number: 2))
        homed.entry.replace(by: newer, in: homed.runtime)
        #expect(await eventually { save.isEntered })
        visitor.hangUp()
        #expect(await homed.stage.isIdle())
        #expect(save.caughtCount == 0 && closed.value == 1 && homed.producer.violations == [])
    }

    @Test("a wait for one stream's calls does not wait for another's, nor for calls that were not allowed")
    func runningCalls() async {
        let calls = RunningCalls()
        let (one, other) = (StreamToken(loop: 0, slot: 1, epoch: 1), StreamToken(loop: 0, slot: 2, epoch: 1))
        #expect(!calls.run(one, "one", if: { false }) { Issue.record("called all the same") })
        let (entered, release, late) = (Counter(), Counter(), Counter())
        _ = startThread(named: "call", stackBytes: 128 * 1024) {
            calls.run(one, "one", if: { true }) {
                entered.count()
                release.wait()
            }
        }
        #expect(await eventually { entered.value == 1 })
        calls.wait(for: other)
        calls.run(other, "other", if: { true }) { calls.wait(for: other) }
        calls.wait(for: one, deadline: 0) {
            late.count()
            release.count()
        }
        #expect(late.value == 1)
    }
}
