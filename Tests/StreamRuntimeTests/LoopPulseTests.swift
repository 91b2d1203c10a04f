import StreamLoop
import Testing

@testable import StreamRuntime

@Suite("The pulse of the loops")
struct LoopPulseTests {
    @Test("a loop owes an answer from when it is asked until it turns; its lag is the time in between")
    func pulse() {
        let stage = Stage()
        func silence() -> Int64 { stage.runtime.loopSilence(at: stage.system.time) }
        func lag() -> Int64 { stage.streams.pulse.lag(at: stage.system.time) }
        #expect(silence() == 0 && lag() == 0)
        stage.system.advance(nanoseconds: 1_000)
        stage.runtime.askLoops(at: stage.system.time)
        #expect(silence() == 0)
        stage.system.advance(nanoseconds: 2_500_000_000)
        #expect(silence() == 2_500_000_000 && lag() == 2_500_000_000)
        stage.turn()
        #expect(silence() == 0 && lag() == 2_500_000_000, "the lag stays until the next answer")
        stage.system.advance(nanoseconds: 1_000_000_000)
        stage.runtime.askLoops(at: stage.system.time)
        stage.turn()
        #expect(silence() == 0 && lag() == 0)
    }

    @Test("a loop that does not turn is asked once, not again and again")
    func once() {
        let stage = Stage()
        stage.system.advance(nanoseconds: 1_000)
        let begun = stage.system.time
        for _ in 0..<5 {
            stage.runtime.askLoops(at: stage.system.time)
            stage.system.advance(nanoseconds: 1_000_000_000)
        }
        #expect(stage.runtime.loopSilence(at: stage.system.time) == stage.system.time - begun)
        stage.turn()
        #expect(stage.runtime.loopSilence(at: stage.system.time) == 0)
    }

    @Test("the silence of the runtime is that of the loop that is silent longest")
    func longest() {
        let stage = HubStage(loops: 2)
        let now = stage.systems[0].time + 1_000
        stage.runtime.askLoops(at: now)
        stage.runtime.loops[0].loop.turn(waitingAtMost: 0)
        #expect(stage.runtime.loopSilence(at: now + 77) == 77)
        stage.runtime.loops[1].loop.turn(waitingAtMost: 0)
        #expect(stage.runtime.loopSilence(at: now + 78) == 0)
    }
}
