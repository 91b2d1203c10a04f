import StreamLoop
import Testing

@Suite("Loop", .timeLimit(.minutes(5)))
struct LoopTests {
    /// Records the loop's calls.
    final class Listener: LoopHandler {
        var heard: [String] = []
        var turnsLeft = 0
        weak var loop: Loop?
        /// The delay to set for a due timer; `nil` removes it.
        var interval: Int64?

        func ready(_ tag: UInt64, _ readiness: Readiness) { heard.append("ready \(tag)") }
        func woken(_ tag: UInt64) { heard.append("woken \(tag)") }

        func due(_ slot: UInt32) {
            heard.append("due \(slot)")
            loop?.setTimer(slot, to: interval.map { loop!.now + $0 } ?? .max)
        }

        func turnEnded() -> TurnEnd {
            turnsLeft -= 1
            return turnsLeft > 0 ? .more : .idle
        }
    }

    let system = VirtualSystem()
    let listener = Listener()
    let loop: Loop

    init() {
        loop = Loop(index: 0, system: system)
        loop.handler = listener
        listener.loop = loop
    }

    @Test("a turn: ready connections, posted work, woken streams, due timers")
    func order() {
        let descriptor = system.makeSocket()
        #expect(system.add(descriptor, tag: 7) == 0)
        loop.setTimer(3, to: loop.now)
        loop.wake(5)
        loop.wake(5)
        let loop = loop
        nonisolated(unsafe) let listener = listener
        loop.post {
            listener.heard.append("posted")
            loop.post { listener.heard.append("posted by it") }
        }
        loop.turn(waitingAtMost: -1)
        #expect(listener.heard == ["ready 7", "posted", "woken 5", "woken 5", "due 3"])
        loop.turn(waitingAtMost: 0)
        #expect(listener.heard.last == "posted by it", "in the next turn, so that none is endless")
    }

    @Test("posted work that takes long is spread over several turns, in order, with due timers in between")
    func manyPosts() {
        loop.setTimer(3, to: loop.now)
        let loop = loop
        nonisolated(unsafe) let (listener, system) = (listener, system)
        for index in 0..<70 {
            loop.post {
                system.advance(nanoseconds: 100_000)
                loop.updateNow()
                listener.heard.append("\(index)")
                if index == 0 { loop.post { listener.heard.append("posted by it") } }
            }
        }
        loop.wake(5)
        loop.turn(waitingAtMost: -1)
        let first = (0..<32).map { "\($0)" }
        #expect(listener.heard == first + ["due 3"])
        loop.turn(waitingAtMost: -1)
        #expect(listener.heard.last == "63")
        loop.turn(waitingAtMost: -1)
        #expect(listener.heard.suffix(7) == ["64", "65", "66", "67", "68", "69", "woken 5"])
        loop.setTimer(3, to: .max)
        let beforeLast = system.time
        loop.turn(waitingAtMost: 1000)
        #expect(listener.heard.last == "posted by it")
        #expect(system.time == beforeLast, "it did not sleep before it looked")
    }

    @Test("it sleeps until the earliest timer, at most as long as allowed, and not at all if there is more to do")
    func sleeps() {
        let began = system.time
        loop.setTimer(3, to: began + 500)
        loop.turn(waitingAtMost: 200)
        #expect(system.time == began + 200 && listener.heard == [])
        loop.turn(waitingAtMost: -1)
        #expect(system.time == began + 500 && listener.heard == ["due 3"] && loop.now == system.time)
        listener.turnsLeft = 2
        loop.setTimer(3, to: began + 600)
        loop.wake(1)
        loop.turn(waitingAtMost: -1)
        loop.turn(waitingAtMost: -1)
        #expect(system.time == began + 500 && listener.heard == ["due 3", "woken 1"])
        loop.turn(waitingAtMost: -1)
        #expect(system.time == began + 600)
    }

    @Test(
        "timers fire in order, each at its time, and one that is always due does not delay the others")
    func timers() {
        listener.interval = 1
        for slot in UInt32(0)..<5 { loop.setTimer(slot, to: loop.now + Int64(5 - slot)) }
        loop.turn(waitingAtMost: -1)
        #expect(listener.heard == ["due 4"])
        system.advance(nanoseconds: 10)
        loop.turn(waitingAtMost: 0)
        #expect(Set(listener.heard.dropFirst()) == ["due 0", "due 1", "due 2", "due 3", "due 4"])
        #expect(listener.heard.count == 6, "each once in a turn, though all are due again at once")
    }

    @Test("posts and wakes from other threads arrive, in the order of each thread, until the loop is stopped")
    func otherThreads() {
        struct Shared: @unchecked Sendable {
            // Unchecked: the loop belongs to the thread that runs it; the others only post and wake.
            let loop: Loop
            let listener: Listener
        }
        let real = Loop(index: 1, system: EpollSystem())
        let listener = Listener()
        real.handler = listener
        let shared = Shared(loop: real, listener: listener)
        var left = 4
        for thread in 0..<4 {
            #expect(
                startThread(named: "poster", stackBytes: 1 << 18) {
                    for number in 0..<500 {
                        shared.loop.post { shared.listener.heard.append("\(thread) \(number)") }
                        shared.loop.wake(UInt64(thread))
                    }
                    shared.loop.post { shared.listener.heard.append("\(thread) done") }
                })
        }
        while left > 0 {
            real.turn(waitingAtMost: -1)
            left = 4 - listener.heard.count { $0.hasSuffix("done") }
        }
        real.turn(waitingAtMost: 0)
        for thread in 0..<4 {
            let posted = (0..<500).map { "\(thread) \($0)" }
            #expect(listener.heard.filter { $0.hasPrefix("\(thread) ") } == posted + ["\(thread) done"])
            #expect(listener.heard.count { $0 == "woken \(thread)" } == 500)
        }
        real.post { shared.loop.stop() }
        real.run()
    }

    @Test("a handler that does not change a due timer would spin, and is stopped")
    func dueTimerLeft() async {
        await #expect(processExitsWith: .failure) {
            final class Lazy: LoopHandler {
                func ready(_ tag: UInt64, _ readiness: Readiness) {}
                func woken(_ tag: UInt64) {}
                func due(_ slot: UInt32) {}
                func turnEnded() -> TurnEnd { .idle }
            }
            let lazy = Lazy()
            let loop = Loop(index: 0, system: VirtualSystem())
            loop.handler = lazy
            loop.setTimer(1, to: loop.now)
            loop.turn(waitingAtMost: 0)
            _ = lazy
        }
    }
}
